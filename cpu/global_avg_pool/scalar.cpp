// Mean of a plane, plain, summed in float64.
#include "cpu/global_avg_pool/kernel.h"

namespace deepzero::cpu {
namespace {

float mean(const float* x, std::size_t n) {
  double sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]);
  return static_cast<float>(sum / static_cast<double>(n));
}

}  // namespace

const GlobalAvgPoolKernels global_avg_pool_scalar = {mean};

}  // namespace deepzero::cpu
