// Queries per second: a whole training step's mix, or parameter by parameter, through deepzero::Session.
#pragma once

#include <string>

#include "bench/options.h"

namespace deepzero::bench {

/// Times a sample of a step's coordinates; prints and records queries/s, the base pass by itself, and what a whole step
/// takes. Returns the process's exit code: 1 when the estimates disagree with two float64 passes.
int run_queries(const Options& options);

/// The same, parameter by parameter, each with its share of the peak that was measured before.
int run_layers(const Options& options);

}  // namespace deepzero::bench
