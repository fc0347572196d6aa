// Sum of two tensors on vectors; the same bits as the scalar twin. Included after cpu/simd/avx2.h or avx512.h.
#pragma once

#include "cpu/add/kernel.h"

namespace deepzero::cpu {
namespace {

inline void forward(const float* a, const float* b, std::size_t n, float* y) {
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, load(a + i) + load(b + i));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_first(y + i, rest, load_first(a + i, rest) + load_first(b + i, rest));
  }
}

}  // namespace
}  // namespace deepzero::cpu
