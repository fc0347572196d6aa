// --peak: the measured peaks as a table and as JSON.
#pragma once

#include "bench/options.h"

namespace deepzero::bench {

int run_peak(const Options& options);

}  // namespace deepzero::bench
