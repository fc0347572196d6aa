// bfloat16 on vectors; the same bits as the scalar twin. Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/bfloat16/kernel.h"
#include "engine/rules/bfloat16.h"

namespace deepzero::cpu {
namespace {

inline void narrow(const float* from, std::size_t n, std::uint16_t* to) {
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) store_bfloat16(to + i, load(from + i));
  for (; i < n; ++i) to[i] = rules::to_bfloat16(from[i]);
}

inline void widen(const std::uint16_t* from, std::size_t n, float* to) {
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) store(to + i, load_bfloat16(from + i));
  for (; i < n; ++i) to[i] = rules::from_bfloat16(from[i]);
}

}  // namespace
}  // namespace deepzero::cpu
