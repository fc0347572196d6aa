// The 36 matrix products between the transforms: m_k[Co][tiles] = u_k[Co][Ci] · v_k[Ci][tiles]. A register tile holds C
// output channels × V vectors of tiles while all input channels are added.
// Included after cpu/simd/avx2.h or avx512.h.
#pragma once

#include "cpu/conv2d/kernel.h"
#include "cpu/fetch_ahead.h"
#include "cpu/simd/parts.h"
#include "cpu/winograd/points.h"

namespace deepzero::cpu {
namespace {

/// m[C][V vectors] = Σ_ci u[ci][C] · v[ci][V vectors].
template <int C, int V>
inline void multiply(const float* u, const float* v, int in_channels, float* m) {
  Vector sums[C][V];
#pragma GCC unroll 32
  for (int c = 0; c < C; ++c) {
#pragma GCC unroll 4
    for (int i = 0; i < V; ++i) sums[c][i] = zero();
  }
  for (int ci = 0; ci < in_channels; ++ci, u += C, v += V * lanes) {
    // With one vector of tiles the weights of the next point come too late by themselves.
    if constexpr (V == 1) __builtin_prefetch(u + static_cast<std::ptrdiff_t>(in_channels) * C);
    Vector tiles[V];
#pragma GCC unroll 4
    for (int i = 0; i < V; ++i) tiles[i] = load(v + i * lanes);
#pragma GCC unroll 32
    for (int c = 0; c < C; ++c) {
      const Vector weight = broadcast(u[c]);
#pragma GCC unroll 4
      for (int i = 0; i < V; ++i) sums[c][i] = fma(weight, tiles[i], sums[c][i]);
    }
  }
#pragma GCC unroll 32
  for (int c = 0; c < C; ++c) {
#pragma GCC unroll 4
    for (int i = 0; i < V; ++i) store(m + (c * V + i) * lanes, sums[c][i]);
  }
}

/// multiply<c, V> for 1 ≤ c ≤ C.
using Multiply = void (*)(const float* u, const float* v, int in_channels, float* m);
template <int C, int V>
inline Multiply multiply_of(int c) {
  if constexpr (C > 1) {
    if (c < C) return multiply_of<C - 1, V>(c);
  }
  return multiply<C, V>;
}

/// All products of V vectors of tiles, point by point, so that a point's inputs are in the first-level cache for every
/// block of output channels. Points of v lie v_step apart, those of m m_step. Where one block holds all output channels
/// it is in registers when m is written, and m may be v. With each point `lines` lines of `ahead` are fetched.
template <int C, int V>
inline void multiply_points(const ConvGeometry& g, const float* u, const float* v, std::size_t v_step, float* m,
                            std::size_t m_step, FetchAhead& ahead, std::size_t lines) {
  const Parts blocks = parts(g.out_channels, C);
  const Multiply first = multiply_of<C, V>(blocks[0]), last = multiply_of<C, V>(blocks[blocks.count - 1]);
  for (int k = 0; k < winograd_points; ++k, v += v_step, m += m_step) {
    float* out = m;
    fetch(ahead, lines);
    for (int b = 0; b < blocks.count; ++b) {
      const int size = blocks[b];
      (size == blocks[0] ? first : last)(u, v, g.in_channels, out);
      u += static_cast<std::size_t>(size) * g.in_channels;
      out += size * V * lanes;
    }
  }
}

}  // namespace
}  // namespace deepzero::cpu
