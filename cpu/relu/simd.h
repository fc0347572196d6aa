// ReLU and its difference rule on vectors; the same bits as the scalar twin. Included after cpu/simd/avx2.h or
// avx512.h.
#pragma once

#include "cpu/relu/kernel.h"
#include "cpu/relu/rule.h"

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

inline void difference(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) {
  const Vector minus_inverse_mu = broadcast(-inverse_mu);
  std::size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const Vector first = relu_rule(load(d + i), load(x + i), minus_inverse_mu);
    const Vector second = relu_rule(load(d + i + lanes), load(x + i + lanes), minus_inverse_mu);
    store(y + i, first);
    store(y + i + lanes, second);
  }
  if (i + lanes <= n) {
    store(y + i, relu_rule(load(d + i), load(x + i), minus_inverse_mu));
    i += lanes;
  }
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_first(y + i, rest, relu_rule(load_first(d + i, rest), load_first(x + i, rest), minus_inverse_mu));
  }
}

}  // namespace
}  // namespace deepzero::cpu
