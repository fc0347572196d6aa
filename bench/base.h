// --base: the base pass (features kept, batch statistics) and evaluation (running statistics, nothing kept), each by
// itself, without queries.
#pragma once

#include "bench/options.h"

namespace deepzero::bench {

/// Returns the process's exit code: 1 when the outputs disagree with a float64 pass.
int run_base(const Options& options);

}  // namespace deepzero::bench
