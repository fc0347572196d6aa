// Every reference case of a folder on the backend that the options name, as a table and JSON.
#pragma once

#include "bench/options.h"

namespace deepzero::bench {

/// Returns the process's exit code: 1 when something is beyond its tolerance. Throws what reading a case or making the
/// backend throws.
int run_gradcheck(const Options& options);

}  // namespace deepzero::bench
