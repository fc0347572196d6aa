// --kernels: the micro-kernels under Google Benchmark, one line each with median, spread and share of the peak.
#pragma once

#include "bench/options.h"

namespace deepzero::bench {

/// Returns the process's exit code: 1 when a kernel disagreed with its scalar twin, or when nothing ran.
int run_kernels(const Options& options);

}  // namespace deepzero::bench
