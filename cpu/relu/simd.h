// ReLU and its difference rule on vectors; the same bits as the scalar twin. Included after cpu/simd/avx2.h or
// avx512.h.
#pragma once

#include "cpu/relu/kernel.h"

namespace deepzero::cpu {
namespace {

inline void forward(const float* x, std::size_t n, float* y) {
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, larger_or_second(zero(), load(x + i)));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_first(y + i, rest, larger_or_second(zero(), load_first(x + i, rest)));
  }
}

/// x > 0 ? max(d, −t) : max(0, t + d) with t = x/μ; the operand that carries d stands second, so its NaN comes through.
inline Vector rule(Vector d, Vector x, Vector minus_inverse_mu) {
  const Vector minus_t = x * minus_inverse_mu;
  return where_positive(x, larger_or_second(minus_t, d), larger_or_second(zero(), d - minus_t));
}

inline void difference(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) {
  const Vector minus_inverse_mu = broadcast(-inverse_mu);
  std::size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const Vector first = rule(load(d + i), load(x + i), minus_inverse_mu);
    const Vector second = rule(load(d + i + lanes), load(x + i + lanes), minus_inverse_mu);
    store(y + i, first);
    store(y + i + lanes, second);
  }
  if (i + lanes <= n) {
    store(y + i, rule(load(d + i), load(x + i), minus_inverse_mu));
    i += lanes;
  }
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_first(y + i, rest, rule(load_first(d + i, rest), load_first(x + i, rest), minus_inverse_mu));
  }
}

}  // namespace
}  // namespace deepzero::cpu
