// --scaling: queries per second on 1 … T threads beside the register-only loop of multiply-adds on as many, in the same
// rounds. Efficiency is the queries' speed-up over the loop's own, so that what the machine withholds from all programs
// does not count.
#pragma once

#include "bench/options.h"

namespace deepzero::bench {

/// Returns the process's exit code: 1 when the estimates disagree with two float64 passes, 4 when the loop says that no
/// round was fit to be used.
int run_scaling(const Options& options);

}  // namespace deepzero::bench
