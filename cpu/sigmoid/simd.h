// Sigmoid, tanh and their difference rules on vectors. Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/sigmoid/kernel.h"
#include "cpu/simd/each.h"
#include "cpu/simd/exponential.h"

namespace deepzero::cpu {
namespace {

inline Vector magnitude(Vector x) { return larger_or_second(zero() - x, x); }

/// (1 − exp(−z))/z for z ≥ 0; 1 at 0. Below ½, where the subtraction would cost digits, the series Σ (−z)^k/(k + 1)!,
/// whose first term left out is below 1.1e-8.
inline Vector mean_decay(Vector z) {
  constexpr float coefficients[] = {1.0f / 5040, -1.0f / 720, 1.0f / 120, -1.0f / 24, 1.0f / 6, -0.5f, 1.0f};
  Vector series = broadcast(-1.0f / 40320);
  for (const float coefficient : coefficients) series = fma(series, z, broadcast(coefficient));
  const Vector one = broadcast(1);
  return where_positive(z - broadcast(0.5f), (one - exponential(zero() - z)) / z, series);
}

inline void sigmoid(const float* x, std::size_t n, float* y) {
  const Vector one = broadcast(1);
  each(x, n, y, [=](Vector a) {
    const Vector e = exponential(zero() - magnitude(a));
    return where_positive(a, one, e) / (one + e);
  });
}

/// tanh(x) = ±z·mean_decay(z)/(1 + exp(−z)) with z = 2·|x|; beyond |x| = 20 it is ±1.
inline void tanh(const float* x, std::size_t n, float* y) {
  const Vector one = broadcast(1), two = broadcast(2), least = broadcast(-40);
  each(x, n, y, [=](Vector a) {
    const Vector minus_z = larger_or_second(least, zero() - two * magnitude(a)), z = zero() - minus_z;
    const Vector y_of_z = z * mean_decay(z) / (one + exponential(minus_z));
    return where_positive(a, y_of_z, zero() - y_of_z);
  });
}

/// The rule for σ at x moved by h = μ·d.
inline Vector rule(Vector d, Vector x, Vector mu) {
  const Vector one = broadcast(1), h = mu * d, moved = x + h;
  const Vector before = exponential(zero() - magnitude(x)), after = exponential(zero() - magnitude(moved));
  const Vector larger = larger_or_second(before, after);
  // Of one sign: both above 0, or both not.
  const Vector m = where_positive(x, where_positive(moved, larger, one), where_positive(moved, one, larger));
  return d * mean_decay(magnitude(h)) * m / ((one + before) * (one + after));
}

inline void sigmoid_difference(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) {
  const Vector mu = broadcast(1.0f / inverse_mu);
  each(d, x, n, y, [=](Vector a, Vector b) { return rule(a, b, mu); });
}

inline void tanh_difference(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) {
  const Vector mu = broadcast(1.0f / inverse_mu), two = broadcast(2);
  each(d, x, n, y, [=](Vector a, Vector b) { return two * rule(two * a, two * b, mu); });
}

}  // namespace
}  // namespace deepzero::cpu
