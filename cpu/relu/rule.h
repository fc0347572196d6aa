// The difference of a ReLU on vectors, as in engine/rules/relu.h. Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

namespace deepzero::cpu {
namespace {

/// x > 0 ? max(d, −t) : max(0, t + d) with t = x/μ; the operand that carries d stands second, so its NaN comes through.
inline Vector relu_rule(Vector d, Vector x, Vector minus_inverse_mu) {
  const Vector minus_t = x * minus_inverse_mu;
  return where_positive(x, larger_or_second(minus_t, d), larger_or_second(zero(), d - minus_t));
}

}  // namespace
}  // namespace deepzero::cpu
