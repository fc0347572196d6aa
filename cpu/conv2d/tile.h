// The register tile of the convolution: C output channels × V vectors of output pixels are kept in registers while all
// taps of all given input channels are added. Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/conv2d/expand.h"
#include "cpu/simd/parts.h"

namespace deepzero::cpu {
namespace {

/// What a tile reads and writes; pointers are at the tile's first pixel and channel.
struct TileWork {
  const float* x;        ///< expanded input (cpu/conv2d/expand.h)
  const float* weights;  ///< packed: [ci][kh][kw][C]; else [C][kh][kw] with `weight_step` floats between channels
  const float* bias;     ///< [C], or null
  float* y;              ///< [C][plane]
  int input_channels;
  int kernel_h, kernel_w, out_w;
  std::size_t weight_step;  ///< used when not packed
  std::size_t plane;        ///< floats of an output channel
  int last;                 ///< pixels of the last vector, 1 … lanes
  Expanded layout;
};

/// sums[c][v] += weights[c·step] · x[v].
template <int C, int V>
__attribute__((always_inline)) inline void add_tap(const float* x, const float* weights, std::size_t step,
                                                   Vector (&sums)[C][V]) {
  Vector pixels[V];
#pragma GCC unroll 16
  for (int v = 0; v < V; ++v) pixels[v] = load(x + v * lanes);
#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) {
    const Vector weight = broadcast(weights[c * step]);
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) sums[c][v] = fma(weight, pixels[v], sums[c][v]);
  }
}

template <int C, int V, bool packed>
inline void tile(const TileWork& work) {
  Vector sums[C][V];
#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) {
    const Vector start = work.bias != nullptr ? broadcast(work.bias[c]) : zero();
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) sums[c][v] = start;
  }

  const float* weights = work.weights;
  const std::size_t step = packed ? 1 : work.weight_step;
  const std::size_t copy = work.layout.copy;
  for (int ci = 0; ci < work.input_channels; ++ci) {
    const float* channel = work.x + ci * work.layout.channel;
    std::size_t down = 0;  // offset of the kernel row
    int phase = 0;
    for (int kh = 0; kh < work.kernel_h; ++kh) {
      const float* x = channel + phase * work.layout.phase + down;
      if (work.kernel_w == 3) {
        add_tap<C, V>(x, weights, step, sums);
        add_tap<C, V>(x + copy, weights + (packed ? C : 1), step, sums);
        add_tap<C, V>(x + 2 * copy, weights + 2 * (packed ? C : 1), step, sums);
        weights += 3 * (packed ? C : 1);
      } else {
        for (int kw = 0; kw < work.kernel_w; ++kw, x += copy, weights += packed ? C : 1) {
          add_tap<C, V>(x, weights, step, sums);
        }
      }
      if (++phase == work.layout.phases) {
        phase = 0;
        down += work.out_w;
      }
    }
  }

#pragma GCC unroll 16
  for (int c = 0; c < C; ++c) {
    float* y = work.y + c * work.plane;
#pragma GCC unroll 16
    for (int v = 0; v + 1 < V; ++v) store(y + v * lanes, sums[c][v]);
    put(y + (V - 1) * lanes, work.last, sums[c][V - 1]);
  }
}

/// The tile of c ≤ C channels and v ≤ V vectors.
template <int C, int V, bool packed>
inline void run_tile(int c, int v, const TileWork& work) {
  if (c == C && v == V) {
    tile<C, V, packed>(work);
  } else if (v < V) {
    if constexpr (V > 1) run_tile<C, V - 1, packed>(c, v, work);
  } else {
    if constexpr (C > 1) run_tile<C - 1, V, packed>(c, v, work);
  }
}

/// All outputs of an image from its expanded input: per tile of pixels every block of channels, so that the pixels stay
/// in the first-level cache while the weights stream by. `start` stands at the first pixel and channel.
template <int C, int V, bool packed>
inline void run_tiles(const ConvGeometry& g, const TileWork& start) {
  const int pixels = g.out_h * g.out_w;
  const Parts across = parts((pixels + lanes - 1) / lanes, V), blocks = parts(g.out_channels, C);
  TileWork work = start;
  int pixel = 0;
  for (int a = 0; a < across.count; ++a) {
    const int vectors = across[a], end = pixel + vectors * lanes;
    work.last = end <= pixels ? lanes : lanes - (end - pixels);
    work.x = start.x + pixel;
    work.weights = start.weights;
    int channel = 0;
    for (int b = 0; b < blocks.count; ++b) {
      const int size = blocks[b];
      work.bias = start.bias != nullptr ? start.bias + channel : nullptr;
      work.y = start.y + channel * work.plane + pixel;
      run_tile<C, V, packed>(size, vectors, work);
      channel += size;
      work.weights +=
          packed ? static_cast<std::size_t>(size) * g.in_channels * g.kernel_h * g.kernel_w : size * work.weight_step;
    }
    pixel = end;
  }
}

}  // namespace
}  // namespace deepzero::cpu
