// Winograd convolution on vectors of tiles: block by block of up to V vectors, transform the inputs of all channels,
// multiply point by point with blocks of up to C output channels, and transform back. What a block of tiles moves stays
// in the second-level cache. Transformed weights are [36][block of output channels][ci][channel of the block].
//
// Included after cpu/simd/avx2.h or avx512.h.
#pragma once

#include "cpu/simd/parts.h"
#include "cpu/winograd/kernel.h"
#include "cpu/winograd/product.h"
#include "cpu/winograd/transform.h"

namespace deepzero::cpu {
namespace {

/// Layers whose output channels are all in registers at once, for a single vector of tiles: what they move is small
/// enough for the first-level cache, and the products replace their inputs.
template <int N>
inline bool narrow(const ConvGeometry& g) {
  return g.in_channels <= N && g.out_channels <= N;
}

// More images a call gain nothing where a tile is a whole image.
constexpr int most_images = 16;

/// The fewest images that fill the vectors of a block, with at most an eighth of all lanes idle if it can be had.
template <int V, int N>
inline int images(const ConvGeometry& g) {
  const int vectors = narrow<N>(g) ? 1 : V;
  for (int n = 1; n < most_images; ++n) {
    const Tiles tiles = tiles_of(g, n);
    if (tiles.count >= vectors * lanes && 8 * tiles.count >= 7 * lanes * vectors_of(tiles)) return n;
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

template <int C, int N>
inline void pack(const ConvGeometry& g, const float* weights, float* packed) {
  const Parts blocks = parts(g.out_channels, narrow<N>(g) ? N : C);
  const std::size_t step = static_cast<std::size_t>(g.out_channels) * g.in_channels;
  for (int b = 0; b < blocks.count; ++b) {
    const std::size_t size = blocks[b];
    for (std::size_t c = 0; c < size; ++c) {
      for (int ci = 0; ci < g.in_channels; ++ci, weights += 9) transform_filter(weights, packed + ci * size + c, step);
    }
    packed += size * g.in_channels;
  }
}

/// Floats between two points of `channels` vectors: an odd number of cache lines, since 36 of them at a power of two
/// would share a few sets of the cache.
inline std::size_t point_step(std::size_t channels, int vectors) {
  const std::size_t lines = (channels * vectors * lanes + 15) / 16;
  return (lines | 1) * 16;
}

/// Where a block's transformed inputs v and products m lie; m may stand in for v.
struct BlockLayout {
  std::size_t v_step, m_step, m;
};

template <int C, int V>
inline BlockLayout block_layout(const ConvGeometry& g) {
  if (g.out_channels <= C) {
    const std::size_t step = point_step(g.in_channels > g.out_channels ? g.in_channels : g.out_channels, V);
    return {step, step, 0};
  }
  const std::size_t v_step = point_step(g.in_channels, V);
  return {v_step, point_step(g.out_channels, V), winograd_points * v_step};
}

template <int C, int V, int N>
inline std::size_t scratch_floats(const ConvGeometry& g) {
  const BlockLayout layout = narrow<N>(g) ? block_layout<N, 1>(g) : block_layout<C, V>(g);
  return layout.m + winograd_points * layout.m_step;
}

/// What one call works off.
struct Work {
  const ConvGeometry& g;
  Tiles tiles;
  const float *x, *packed;
  float *y, *scratch;
  FetchAhead& ahead;
  std::size_t lines;  ///< to fetch with each point of a block
};

/// `V` vectors of tiles from `first` on.
template <int C, int V, int P, template <int> class T>
inline void forward_block(const Work& work, int first) {
  const ConvGeometry& g = work.g;
  const std::size_t in_plane = static_cast<std::size_t>(g.in_h) * g.in_w;
  const std::size_t out_plane = static_cast<std::size_t>(g.out_h) * g.out_w;
  const BlockLayout layout = block_layout<C, V>(g);
  float* const v = work.scratch;
  float* const m = work.scratch + layout.m;

  typename T<P>::Output out[V];
  for (int i = 0; i < V; ++i) {
    Segment segments[4][P];
    find_segments(work.tiles, first + i * lanes, segments);
    const typename T<P>::Input in(g, segments);
    for (int ci = 0; ci < g.in_channels; ++ci)
      transform_input(work.x + ci * in_plane, in, v + (ci * V + i) * lanes, layout.v_step);
    out[i] = typename T<P>::Output(g, segments);
  }
  multiply_points<C, V>(g, work.packed, v, layout.v_step, m, layout.m_step, work.ahead, work.lines);
  float* y = work.y;
  for (int co = 0; co < g.out_channels; ++co, y += out_plane) {
    for (int i = 0; i < V; ++i) transform_output(m + (co * V + i) * lanes, layout.m_step, out[i], y);
  }
}

/// A block of v ≤ V vectors.
template <int C, int V, int P, template <int> class T>
inline void run_block(int v, const Work& work, int first) {
  if (v == V) {
    forward_block<C, V, P, T>(work, first);
  } else {
    if constexpr (V > 1) run_block<C, V - 1, P, T>(v, work, first);
  }
}

template <int C, int V, int P, template <int> class T>
inline void forward_tiles(const Parts& blocks, const Work& work) {
  int first = 0;
  for (int b = 0; b < blocks.count; ++b) {
    run_block<C, V, P, T>(blocks[b], work, first);
    first += blocks[b] * lanes;
  }
}

template <int C, int V>
inline void forward_images(Work work) {
  const Parts blocks = parts(vectors_of(work.tiles), V);
  const auto points = static_cast<std::size_t>(blocks.count) * winograd_points;
  work.lines = (lines_left(work.ahead) + points - 1) / points;
  const bool whole = are_whole(work.g, work.tiles);
  const int runs = runs_of(work.tiles);
  if (runs == 1) {
    whole ? forward_tiles<C, V, 1, WholeTiles>(blocks, work) : forward_tiles<C, V, 1, AnyTiles>(blocks, work);
  } else if (runs == 2) {
    whole ? forward_tiles<C, V, 2, WholeTiles>(blocks, work) : forward_tiles<C, V, 2, AnyTiles>(blocks, work);
  } else {
    forward_tiles<C, V, 4, AnyTiles>(blocks, work);
  }
}

template <int C, int V, int N>
inline void forward(const ConvGeometry& g, const float* x, int images, const float* packed, float* y, float* scratch,
                    FetchAhead* ahead) {
  FetchAhead nothing;
  const Work work = {g, tiles_of(g, images), x, packed, y, scratch, ahead != nullptr ? *ahead : nothing, 0};
  if (narrow<N>(g)) {
    forward_images<N, 1>(work);
  } else {
    forward_images<C, V>(work);
  }
}

}  // namespace
}  // namespace deepzero::cpu
