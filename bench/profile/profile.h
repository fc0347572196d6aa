// --profile: where the time of queries and of the base pass goes. By function, from ticks of all lanes
// (bench/profile/sampler.h) in the very calls that are timed; and by the op whose parameters are queried, from the
// clock around every chunk.
#pragma once

#include "bench/options.h"

namespace deepzero::bench {

/// Returns the process's exit code: 1 when the estimates disagree with two float64 passes.
int run_profile(const Options& options);

}  // namespace deepzero::bench
