// Mean of a plane on vectors, summed in float64. Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/global_avg_pool/kernel.h"
#include "cpu/simd/sum.h"

namespace deepzero::cpu {
namespace {

inline float mean(const float* x, std::size_t n) {
  return static_cast<float>(sum_float64(x, n) / static_cast<double>(n));
}

}  // namespace
}  // namespace deepzero::cpu
