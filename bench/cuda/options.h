// The command line of deepzero_cuda_bench.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "engine/precision.h"

namespace deepzero::bench {

struct CudaBenchOptions {
  bool help = false;
  bool peaks_only = false;
  std::string network = "resnet20";
  int batch = 256;
  int queries = 64;  ///< of a block, as far as a channel has them
  Precision precision = Precision::f16;
  double sparsity = 0.9;
  std::string ratios;      ///< a ratios file instead of one sparsity
  std::size_t memory = 0;  ///< MiB; 0: the backend's own
  int device = 0;
  int repeats = 5;
  double seconds = 0.05;  ///< of a timed run of a peak
  std::string json;
};

/// Throws ERR_INVALID_ARGUMENT for an unknown option or a value out of range.
CudaBenchOptions parse_cuda_bench_options(const std::vector<std::string>& arguments);

std::string cuda_bench_help();

}  // namespace deepzero::bench
