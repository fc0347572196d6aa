// --ladder: how the 3×3 convolution of differences got fast, from the definition to the kernel that queries run. Each
// step is compared with float64 sums before it is timed; the steps take turns, so that a busy machine slows all alike.
#pragma once

#include "bench/options.h"

namespace deepzero::bench {

int run_ladder(const Options& options);

}  // namespace deepzero::bench
