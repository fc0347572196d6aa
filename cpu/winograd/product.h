// The 36 matrix products between the transforms: m_k[Co][tiles] = u_k[Co][Ci] · v_k[Ci][tiles], a vector of tiles. A
// register tile holds C output channels while all input channels are added.
// Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/conv2d/kernel.h"
#include "cpu/fetch_ahead.h"
#include "cpu/simd/parts.h"
#include "cpu/winograd/points.h"

namespace deepzero::cpu {
namespace {

/// m[C] = Σ_ci u[ci][C] · v[ci]. The weights of the next block would come too late by themselves. Each input channel is
/// a step in fetching `lines`.
template <int C>
inline void multiply(const float* u, const float* v, int in_channels, float* m, Lines lines) {
  Vector sums[C];
#pragma GCC unroll 32
  for (int c = 0; c < C; ++c) sums[c] = zero();
  const std::ptrdiff_t next = static_cast<std::ptrdiff_t>(in_channels) * C;
  for (int ci = 0; ci < in_channels; ++ci, u += C, v += lanes) {
    for (int line = 0; line < C; line += 16) __builtin_prefetch(u + next + line);
    fetch_step(lines);
    const Vector tiles = load(v);
#pragma GCC unroll 32
    for (int c = 0; c < C; ++c) sums[c] = fma(broadcast(u[c]), tiles, sums[c]);
  }
#pragma GCC unroll 32
  for (int c = 0; c < C; ++c) store(m + c * lanes, sums[c]);
}

/// multiply<c> for 1 ≤ c ≤ C.
using Multiply = void (*)(const float* u, const float* v, int in_channels, float* m, Lines lines);
template <int C>
inline Multiply multiply_of(int c) {
  if constexpr (C > 1) {
    if (c < C) return multiply_of<C - 1>(c);
  }
  return multiply<C>;
}

/// All products of a vector of tiles, point by point, so that a point's inputs are in the first-level cache for every
/// block of output channels. Points of v and m lie `step` apart; those of m may lie where v had the point before. Each
/// block of each point is a part of the work in which `ahead` is fetched.
template <int C>
inline void multiply_points(const ConvGeometry& g, const float* u, const float* v, float* m, std::size_t step,
                            FetchAhead& ahead) {
  const Parts blocks = parts(g.out_channels, C);
  const Multiply first = multiply_of<C>(blocks[0]), last = multiply_of<C>(blocks[blocks.count - 1]);
  for (int k = 0; k < winograd_points; ++k, v += step, m += step) {
    float* out = m;
    for (int b = 0; b < blocks.count; ++b) {
      const int size = blocks[b];
      (size == blocks[0] ? first : last)(u, v, g.in_channels, out,
                                         next_lines(ahead, static_cast<std::size_t>(g.in_channels)));
      u += static_cast<std::size_t>(size) * g.in_channels;
      out += size * lanes;
    }
  }
}

}  // namespace
}  // namespace deepzero::cpu
