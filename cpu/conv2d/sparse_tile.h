// The register tile of the convolution with few weights: V vectors of output pixels of one channel are kept in
// registers while the channel's taps are added. Each tap reads its pixels from memory, where the dense tile
// (cpu/conv2d/tile.h) reads them once for a block of channels: a tap costs more here, and there are fewer.
//
// Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/conv2d/tile.h"

namespace deepzero::cpu {
namespace {

/// One channel's outputs y at V vectors of pixels, the last one of `last` pixels; x is the expanded input at the first.
template <int V>
inline void sparse_tile(const float* x, const SparseTap* taps, const SparseTap* end, float bias, int last, float* y) {
  Vector sums[V];
#pragma GCC unroll 16
  for (int v = 0; v < V; ++v) sums[v] = broadcast(bias);
  for (; taps != end; ++taps) {
    const Vector weight = broadcast(taps->weight);
    const float* pixels = x + taps->offset;
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) sums[v] = fma(weight, load(pixels + v * lanes), sums[v]);
  }
#pragma GCC unroll 16
  for (int v = 0; v + 1 < V; ++v) store(y + v * lanes, sums[v]);
  put(y + (V - 1) * lanes, last, sums[V - 1]);
}

/// All channels at v ≤ V vectors of pixels, so that the pixels stay in the first-level cache.
template <int V>
inline void sparse_tiles(const ConvGeometry& g, int v, const float* x, const SparseWeights& weights, const float* bias,
                         int last, float* y) {
  if constexpr (V > 1) {
    if (v < V) return sparse_tiles<V - 1>(g, v, x, weights, bias, last, y);
  }
  const std::size_t plane = static_cast<std::size_t>(g.out_h) * g.out_w;
  for (int co = 0; co < g.out_channels; ++co, y += plane) {
    sparse_tile<V>(x, weights.taps + weights.first[co], weights.taps + weights.first[co + 1],
                   bias != nullptr ? bias[co] : 0.0f, last, y);
  }
}

/// All outputs of an image from its expanded input x.
template <int V>
inline void run_sparse_tiles(const ConvGeometry& g, const float* x, const SparseWeights& weights, const float* bias,
                             float* y) {
  const int pixels = g.out_h * g.out_w;
  const Parts across = parts((pixels + lanes - 1) / lanes, V);
  int pixel = 0;
  for (int a = 0; a < across.count; ++a) {
    const int end = pixel + across[a] * lanes;
    sparse_tiles<V>(g, across[a], x + pixel, weights, bias, end <= pixels ? lanes : lanes - (end - pixels), y + pixel);
    pixel = end;
  }
}

}  // namespace
}  // namespace deepzero::cpu
