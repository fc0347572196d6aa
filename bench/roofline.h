// --roofline: what each kernel of a network reaches on one core beside the roofs above it, the peak of multiply-adds
// and the bandwidth times operations per byte, with its arrays in the L2 cache and in memory. bench/roofline.py draws
// the JSON.
#pragma once

#include "bench/options.h"

namespace deepzero::bench {

/// Returns the process's exit code.
int run_roofline(const Options& options);

}  // namespace deepzero::bench
