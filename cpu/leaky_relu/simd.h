// Leaky ReLU and its difference rule on vectors; the same bits as the scalar twin. Included after cpu/simd/neon.h,
// avx2.h or avx512.h.
#pragma once

#include "cpu/leaky_relu/kernel.h"
#include "cpu/simd/each.h"

namespace deepzero::cpu {
namespace {

inline void forward(const float* x, float slope, std::size_t n, float* y) {
  const Vector factor = broadcast(slope);
  each(x, n, y, [=](Vector a) { return larger_or_second(factor * a, a); });
}

inline void difference(const float* d, const float* x, float slope, float inverse_mu, std::size_t n, float* y) {
  const Vector factor = broadcast(slope), others = broadcast(1.0f - slope), scale = broadcast(inverse_mu);
  each(d, x, n, y, [=](Vector a, Vector b) {
    const Vector t = b * scale, rest = others * t, bent = factor * a;
    // The operand that carries d alone stands second, so that its NaN comes through.
    return where_positive(t, larger_or_second(bent - rest, a), larger_or_second(bent, a + rest));
  });
}

}  // namespace
}  // namespace deepzero::cpu
