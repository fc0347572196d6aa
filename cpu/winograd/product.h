// The 36 matrix products between the transforms: m_k[Co][tiles] = u_k[Co][Ci] · v_k[Ci][tiles]. A register tile holds C
// output channels × V vectors of tiles while all input channels are added.
// Included after cpu/simd/avx2.h or avx512.h.
#pragma once

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

/// What one block of output channels reads and writes; point k is k steps on.
struct Products {
  const float *u, *v;
  float* m;
  std::size_t u_step, v_step, m_step;
  int in_channels;
};

template <int C, int V>
inline void multiply_points(const Products& p) {
  for (std::size_t k = 0; k < winograd_points; ++k)
    multiply<C, V>(p.u + k * p.u_step, p.v + k * p.v_step, p.in_channels, p.m + k * p.m_step);
}

/// The products of c ≤ C output channels.
template <int C, int V>
inline void run_products(int c, const Products& p) {
  if (c == C) {
    multiply_points<C, V>(p);
  } else {
    if constexpr (C > 1) run_products<C - 1, V>(c, p);
  }
}

}  // namespace
}  // namespace deepzero::cpu
