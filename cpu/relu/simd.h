// ReLU and its difference rule on vectors; the same bits as the scalar twin. Included after cpu/simd/neon.h,
// avx2.h or avx512.h.
#pragma once

#include "cpu/relu/kernel.h"
#include "cpu/relu/rule.h"
#include "cpu/simd/each.h"

namespace deepzero::cpu {
namespace {

inline void forward(const float* x, std::size_t n, float* y) {
  each(x, n, y, [](Vector value) { return larger_or_second(zero(), value); });
}

inline void difference(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) {
  const Vector minus_inverse_mu = broadcast(-inverse_mu);
  each_vector(
      n, y, [&](std::size_t i, const auto& read) __attribute__((always_inline)) {
        return relu_rule(read(d + i), read(x + i), minus_inverse_mu);
      });
}

}  // namespace
}  // namespace deepzero::cpu
