// Σ x of n floats in float64, in an order that depends on n alone. Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

namespace deepzero::cpu {
namespace {

inline double sum_float64(const float* x, std::size_t n) {
  Wide a = wide_zero(), b = wide_zero();
  std::size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    a = a + widen(load(x + i));
    b = b + widen(load(x + i + lanes));
  }
  if (i + lanes <= n) {
    a = a + widen(load(x + i));
    i += lanes;
  }
  if (i < n) b = b + widen(load_first(x + i, static_cast<int>(n - i)));
  return total(a + b);
}

}  // namespace
}  // namespace deepzero::cpu
