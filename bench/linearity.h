// --linearity: what the cost of a step goes with. Seconds of the queries against their number and against the images of
// the batch, and of the base pass against the images, each with a fitted line (bench/line_fit.h).
#pragma once

#include "bench/options.h"

namespace deepzero::bench {

/// Returns the process's exit code: 1 when the estimates disagree with two float64 passes.
int run_linearity(const Options& options);

}  // namespace deepzero::bench
