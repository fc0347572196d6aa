// Winograd convolution on vectors of tiles: block by block of up to V vectors, transform the inputs of all channels,
// then for each block of up to C output channels multiply point by point and transform back. What a block moves stays
// in the second-level cache. Transformed weights are [block of output channels][36][ci][channel of the block].
//
// Included after cpu/simd/avx2.h or avx512.h.
#pragma once

#include "cpu/simd/parts.h"
#include "cpu/winograd/kernel.h"
#include "cpu/winograd/product.h"
#include "cpu/winograd/transform.h"

namespace deepzero::cpu {
namespace {

// More images a call gain nothing where a tile is a whole image.
constexpr int most_images = 16;

/// The fewest images that fill V vectors, with at most an eighth of all lanes idle if it can be had.
template <int V>
inline int images(const ConvGeometry& g) {
  for (int n = 1; n < most_images; ++n) {
    const Tiles tiles = tiles_of(g, n);
    if (tiles.count >= V * lanes && 8 * tiles.count >= 7 * lanes * vectors_of(tiles)) return n;
  }
  return most_images;
}

/// From 8 channels on the transforms cost less than the products save (measured, maps of 2×2 to 32×32), if the lanes
/// are not mostly idle: a vector of tiles takes 36 multiplications per pair of channels, one of pixels 9.
inline bool pays(const ConvGeometry& g, int images) {
  const bool shape = g.kernel_h == 3 && g.kernel_w == 3 && g.stride_h == 1 && g.stride_w == 1;
  const int direct_vectors = images * ((g.out_h * g.out_w + lanes - 1) / lanes);
  return shape && g.in_channels >= 8 && g.out_channels >= 8 && 5 * vectors_of(tiles_of(g, images)) <= direct_vectors;
}

inline std::size_t packed_floats(const ConvGeometry& g) {
  return static_cast<std::size_t>(winograd_points) * g.out_channels * g.in_channels;
}

template <int C>
inline void pack(const ConvGeometry& g, const float* weights, float* packed) {
  const Parts blocks = parts(g.out_channels, C);
  for (int b = 0; b < blocks.count; ++b) {
    const std::size_t size = blocks[b], step = size * g.in_channels;
    for (std::size_t c = 0; c < size; ++c) {
      for (int ci = 0; ci < g.in_channels; ++ci, weights += 9) transform_filter(weights, packed + ci * size + c, step);
    }
    packed += winograd_points * step;
  }
}

/// Floats between two points of `channels` vectors: an odd number of cache lines, since 36 of them at a power of two
/// would share a few sets of the cache.
inline std::size_t point_step(std::size_t channels, int vectors) {
  const std::size_t lines = (channels * vectors * lanes + 15) / 16;
  return (lines | 1) * 16;
}

template <int C, int V>
inline std::size_t scratch_floats(const ConvGeometry& g) {
  return winograd_points * (point_step(g.in_channels, V) + point_step(C, V));
}

/// `V` vectors of tiles from `first` on.
template <int C, int V, int P>
inline void forward_block(const ConvGeometry& g, const Tiles& tiles, int first, const float* x, const float* packed,
                          float* y, float* scratch) {
  const std::size_t in_plane = static_cast<std::size_t>(g.in_h) * g.in_w;
  const std::size_t out_plane = static_cast<std::size_t>(g.out_h) * g.out_w;
  Products products = {};
  products.u = packed;
  products.v_step = point_step(g.in_channels, V);
  products.m_step = point_step(C, V);
  products.in_channels = g.in_channels;
  float* const v = scratch;
  float* const m = scratch + winograd_points * products.v_step;
  products.v = v;
  products.m = m;

  OutputRuns<P> out[V];
  for (int i = 0; i < V; ++i) {
    Segment segments[4][P];
    find_segments(tiles, first + i * lanes, segments);
    const InputRuns<P> in(g, segments);
    for (int ci = 0; ci < g.in_channels; ++ci)
      transform_input(x + ci * in_plane, in, v + (ci * V + i) * lanes, products.v_step);
    out[i] = OutputRuns<P>(g, segments);
  }
  const Parts blocks = parts(g.out_channels, C);
  for (int b = 0; b < blocks.count; ++b) {
    const int size = blocks[b];
    products.u_step = static_cast<std::size_t>(size) * g.in_channels;
    run_products<C, V>(size, products);
    products.u += winograd_points * products.u_step;
    for (int c = 0; c < size; ++c, y += out_plane) {
      for (int i = 0; i < V; ++i) transform_output(m + (c * V + i) * lanes, products.m_step, out[i], y);
    }
  }
}

/// A block of v ≤ V vectors.
template <int C, int V, int P>
inline void run_block(int v, const ConvGeometry& g, const Tiles& tiles, int first, const float* x, const float* packed,
                      float* y, float* scratch) {
  if (v == V) {
    forward_block<C, V, P>(g, tiles, first, x, packed, y, scratch);
  } else {
    if constexpr (V > 1) run_block<C, V - 1, P>(v, g, tiles, first, x, packed, y, scratch);
  }
}

template <int C, int V, int P>
inline void forward_tiles(const ConvGeometry& g, const Tiles& tiles, const float* x, const float* packed, float* y,
                          float* scratch) {
  const Parts blocks = parts(vectors_of(tiles), V);
  int first = 0;
  for (int b = 0; b < blocks.count; ++b) {
    run_block<C, V, P>(blocks[b], g, tiles, first, x, packed, y, scratch);
    first += blocks[b] * lanes;
  }
}

template <int C, int V>
inline void forward(const ConvGeometry& g, const float* x, int images, const float* packed, float* y, float* scratch) {
  const Tiles tiles = tiles_of(g, images);
  const int runs = runs_of(tiles);
  if (runs == 1) {
    forward_tiles<C, V, 1>(g, tiles, x, packed, y, scratch);
  } else if (runs == 2) {
    forward_tiles<C, V, 2>(g, tiles, x, packed, y, scratch);
  } else {
    forward_tiles<C, V, 4>(g, tiles, x, packed, y, scratch);
  }
}

}  // namespace
}  // namespace deepzero::cpu
