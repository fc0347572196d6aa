// Winograd convolution on vectors of tiles: transform the inputs of all channels of a vector, multiply point by point
// with blocks of up to C output channels, and transform back. One vector at a time: more would share the loads of
// weights, but what they move would drive the differences themselves out of the second-level cache. Transformed weights
// are [36][block of output channels][ci][channel of the block].
//
// Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/simd/parts.h"
#include "cpu/winograd/kernel.h"
#include "cpu/winograd/product.h"
#include "cpu/winograd/transform.h"

namespace deepzero::cpu {
namespace {

// More images a call gain nothing where a tile is a whole image.
constexpr int most_images = 16;

/// The fewest images that fill a vector, with at most an eighth of all lanes idle if it can be had.
inline int images(const ConvGeometry& g) {
  for (int n = 1; n < most_images; ++n) {
    const Tiles tiles = tiles_of(g, n);
    if (tiles.count >= lanes && 8 * tiles.count >= 7 * lanes * vectors_of(tiles)) return n;
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
  const std::size_t step = static_cast<std::size_t>(g.out_channels) * g.in_channels;
  for (int b = 0; b < blocks.count; ++b) {
    const std::size_t size = blocks[b];
    for (std::size_t c = 0; c < size; ++c) {
      for (int ci = 0; ci < g.in_channels; ++ci, weights += 9) transform_filter(weights, packed + ci * size + c, step);
    }
    packed += size * g.in_channels;
  }
}

/// Floats between two points: an odd number of cache lines, since 36 of them at a power of two would share a few sets
/// of the cache.
inline std::size_t point_step(const ConvGeometry& g) {
  const std::size_t channels = g.in_channels > g.out_channels ? g.in_channels : g.out_channels;
  const std::size_t lines = (channels * lanes + 15) / 16;
  return (lines | 1) * 16;
}

/// The products of a point lie where the inputs of the point before were, so that both take the cache once.
inline std::size_t scratch_floats(const ConvGeometry& g) { return (winograd_points + 1) * point_step(g); }

/// What one call works off.
struct Work {
  const ConvGeometry& g;
  Tiles tiles;
  const float *x, *packed;
  float *y, *scratch;
  FetchAhead& ahead;
};

/// The kind T of tiles in up to P runs a register (cpu/winograd/tiles.h).
template <int C, int P, template <int> class T>
inline void forward_tiles(const Work& work) {
  const ConvGeometry& g = work.g;
  const std::size_t in_plane = static_cast<std::size_t>(g.in_h) * g.in_w;
  const std::size_t out_plane = static_cast<std::size_t>(g.out_h) * g.out_w;
  const std::size_t step = point_step(g);
  float* const m = work.scratch;
  float* const v = work.scratch + step;
  work.ahead.parts =
      static_cast<std::size_t>(vectors_of(work.tiles) * winograd_points * parts(g.out_channels, C).count);

  for (int first = 0; first < work.tiles.count; first += lanes) {
    Segment segments[4][P];
    find_segments(work.tiles, first, segments);
    const typename T<P>::Input in(g, segments);
    for (int ci = 0; ci < g.in_channels; ++ci) transform_input(work.x + ci * in_plane, in, v + ci * lanes, step);
    multiply_points<C>(g, work.packed, v, m, step, work.ahead);
    const typename T<P>::Output out(g, segments);
    for (int co = 0; co < g.out_channels; ++co) transform_output(m + co * lanes, step, out, work.y + co * out_plane);
  }
}

template <int C>
inline void forward(const ConvGeometry& g, const float* x, int images, const float* packed, float* y, float* scratch,
                    FetchAhead* ahead) {
  FetchAhead nothing;
  const Work work = {g, tiles_of(g, images), x, packed, y, scratch, ahead != nullptr ? *ahead : nothing};
  const bool whole = are_whole(g, work.tiles);
  const int runs = runs_of(work.tiles);
  if (runs == 1) {
    whole ? forward_tiles<C, 1, WholeTiles>(work) : forward_tiles<C, 1, AnyTiles>(work);
  } else if (runs == 2) {
    whole ? forward_tiles<C, 2, WholeTiles>(work) : forward_tiles<C, 2, AnyTiles>(work);
  } else {
    forward_tiles<C, 4, AnyTiles>(work);
  }
}

}  // namespace
}  // namespace deepzero::cpu
