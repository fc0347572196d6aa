// Linear layer on one image on vectors: a vector of outputs at a time, four chains over the inputs j (j mod 4), which
// are added as (0 + 1) + (2 + 3). Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/linear/kernel.h"

namespace deepzero::cpu {
namespace {

/// One vector of outputs; Load reads a row's values of these outputs.
template <class Load>
inline Vector outputs(const float* x, std::size_t count, const float* wt, std::size_t out, Vector bias,
                      const Load& row) {
  Vector a = bias, b = zero(), c = zero(), d = zero();
  std::size_t j = 0;
  for (; j + 4 <= count; j += 4, wt += 4 * out) {
    a = fma(row(wt), broadcast(x[j]), a);
    b = fma(row(wt + out), broadcast(x[j + 1]), b);
    c = fma(row(wt + 2 * out), broadcast(x[j + 2]), c);
    d = fma(row(wt + 3 * out), broadcast(x[j + 3]), d);
  }
  for (; j < count; ++j, wt += out) a = fma(row(wt), broadcast(x[j]), a);
  return (a + b) + (c + d);
}

inline void forward(const float* x, std::size_t first, std::size_t count, const float* wt, const float* bias,
                    std::size_t out, float* y) {
  wt += first * out;
  std::size_t o = 0;
  for (; o + lanes <= out; o += lanes) {
    const Vector start = bias != nullptr ? load(bias + o) : zero();
    store(y + o, outputs(x, count, wt + o, out, start, [](const float* p) { return load(p); }));
  }
  if (o < out) {
    const int rest = static_cast<int>(out - o);
    const Lanes taken = lanes_between(0, rest);
    const Vector start = bias != nullptr ? load_lanes(bias + o, taken) : zero();
    store_first(y + o, rest,
                outputs(x, count, wt + o, out, start, [&](const float* p) { return load_lanes(p, taken); }));
  }
}

}  // namespace
}  // namespace deepzero::cpu
