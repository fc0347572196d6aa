// Sum of two tensors on vectors; the same bits as the scalar twin. Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/add/kernel.h"
#include "cpu/simd/each.h"

namespace deepzero::cpu {
namespace {

inline void forward(const float* a, const float* b, std::size_t n, float* y) {
  each(a, b, n, y, [](Vector left, Vector right) { return left + right; });
}

}  // namespace
}  // namespace deepzero::cpu
