// exp(x) for x ≤ 0, to about two units of the last place; below −87, where float32 ends, exp(−87). With n the whole
// number nearest to x/ln 2, exp(x) = 2ⁿ·exp(r), |r| ≤ ½·ln 2; exp(r) by its Taylor polynomial of degree 7, which errs
// by 6e-9. A NaN stays one. Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

namespace deepzero::cpu {
namespace {

inline Vector exponential(Vector x) {
  const Vector bounded = larger_or_second(broadcast(-87), x);
  const Vector n = nearest_whole(bounded * broadcast(1.44269504f));
  // ln 2 in two parts, the first short enough that its product with n is exact.
  const Vector r = fma(n, broadcast(2.12194440e-4f), fma(n, broadcast(-0.693359375f), bounded));
  constexpr float coefficients[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};
  Vector series = broadcast(1.0f / 5040);
  for (const float coefficient : coefficients) series = fma(series, r, broadcast(coefficient));
  return times_power_of_two(series, n);
}

}  // namespace
}  // namespace deepzero::cpu
