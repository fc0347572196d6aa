// Convolution of one image on vectors: expand the input (cpu/conv2d/expand.h), then run register tiles over it
// (cpu/conv2d/tile.h, cpu/conv2d/sparse_tile.h). Packed weights are [block of output channels][ci][kh][kw][channel of
// the block].
//
// C and V are the largest tile, in output channels and vectors of pixels; D and U that of planes with few vectors.
// Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/conv2d/sparse_tile.h"
#include "cpu/conv2d/tile.h"

namespace deepzero::cpu {
namespace {

inline std::size_t packed_floats(const ConvGeometry& g) {
  return static_cast<std::size_t>(g.out_channels) * g.in_channels * g.kernel_h * g.kernel_w;
}

/// Planes of 1, 2 or 4 vectors (8×8 pixels on AVX-512) are cut into tiles of 1 or 2: more channels fit into registers.
inline bool few_vectors(const ConvGeometry& g) {
  const int vectors = (g.out_h * g.out_w + lanes - 1) / lanes;
  return vectors <= 4 && vectors != 3;
}

template <int C, int D>
inline void pack(const ConvGeometry& g, const float* weights, float* packed) {
  const std::size_t inner = static_cast<std::size_t>(g.in_channels) * g.kernel_h * g.kernel_w;
  const Parts blocks = parts(g.out_channels, few_vectors(g) ? D : C);
  for (int b = 0; b < blocks.count; ++b) {
    for (std::size_t i = 0; i < inner; ++i) {
      for (int c = 0; c < blocks[b]; ++c) *packed++ = weights[c * inner + i];
    }
    weights += blocks[b] * inner;
  }
}

inline std::size_t scratch_floats(const ConvGeometry& g) {
  const std::size_t floats = g.in_channels * expanded(g).channel + lanes;
  return (floats + 15) / 16 * 16;
}

/// Runs the tiles over `count` expanded input planes. In `work` stand the weights, their step and the bias.
template <int C, int V, bool packed>
inline void convolve(const ConvGeometry& g, const Expanded& layout, int count, TileWork work, float* y,
                     const float* scratch) {
  work.layout = layout;
  work.x = scratch;
  work.y = y;
  work.input_channels = count;
  work.kernel_h = g.kernel_h;
  work.kernel_w = g.kernel_w;
  work.out_w = g.out_w;
  work.plane = static_cast<std::size_t>(g.out_h) * g.out_w;
  run_tiles<C, V, packed>(g, work);
}

template <int C, int V, int D, int U>
inline void convolve_packed(const ConvGeometry& g, const Expanded& layout, const float* packed, const float* bias,
                            float* y, const float* scratch) {
  TileWork work = {};
  work.weights = packed;
  work.bias = bias;
  if (few_vectors(g)) {
    convolve<D, U, true>(g, layout, g.in_channels, work, y, scratch);
  } else {
    convolve<C, V, true>(g, layout, g.in_channels, work, y, scratch);
  }
}

template <int C, int V, int D, int U>
inline void dense(const ConvGeometry& g, const float* x, const float* packed, const float* bias, float* y,
                  float* scratch) {
  const Expanded layout = expanded(g);
  expand(g, layout, x, g.in_channels, scratch);
  convolve_packed<C, V, D, U>(g, layout, packed, bias, y, scratch);
}

template <int C, int V, int D, int U>
inline void dense_pair(const ConvGeometry& g, const float* x, const float* z, const float* packed, const float* bias,
                       float* y, float* scratch) {
  const Expanded layout = expanded(g);
  const int half = g.in_channels / 2;
  expand(g, layout, x, half, scratch);
  expand(g, layout, z, half, scratch + half * layout.channel);  // writes over the zeros that close the first half
  convolve_packed<C, V, D, U>(g, layout, packed, bias, y, scratch);
}

template <int V>
inline void sparse(const ConvGeometry& g, const float* x, const SparseWeights& weights, const float* bias, float* y,
                   float* scratch) {
  expand(g, expanded(g), x, g.in_channels, scratch);
  run_sparse_tiles<V>(g, scratch, weights, bias, y);
}

inline std::size_t tap_offset(const ConvGeometry& g, int ci, int kh, int kw) {
  const Expanded e = expanded(g);
  return ci * e.channel + kw * e.copy + kh % g.stride_h * e.phase + static_cast<std::size_t>(kh / g.stride_h) * g.out_w;
}

template <int C, int V>
inline void one_channel(const ConvGeometry& g, const float* plane, int channel, const float* weights, float* y,
                        float* scratch) {
  const std::size_t taps = static_cast<std::size_t>(g.kernel_h) * g.kernel_w;
  TileWork work = {};
  work.weights = weights + channel * taps;
  work.weight_step = g.in_channels * taps;
  const Expanded layout = expanded(g);
  expand(g, layout, plane, 1, scratch);
  convolve<C, V, false>(g, layout, 1, work, y, scratch);
}

inline void shift(const ConvGeometry& g, const float* plane, int kh, int kw, float* y) {
  expand_rows(g, plane, 1, kw, rows_from(g, kh, g.stride_h, g.out_h), y, 0);
}

}  // namespace
}  // namespace deepzero::cpu
