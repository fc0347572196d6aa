// What cpu/winograd/tiles.h does, without masks, for images that are all tiles: padding 1, as many outputs as inputs,
// sides divisible by 4, and tile rows that fill a vector of tiles evenly. The four aligned columns of a tile are read
// as they lie, and the columns beside them are the neighbouring tiles' own, in other lanes of the same vector.
// Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/winograd/tiles.h"

namespace deepzero::cpu {
namespace {

/// Whether all vectors of tiles are full, of whole tile rows, with runs of half a vector at least.
inline bool are_whole(const ConvGeometry& g, const Tiles& tiles) {
  const bool same = g.pad_h == 1 && g.pad_w == 1 && g.in_h == g.out_h && g.in_w == g.out_w;
  return same && g.out_h % 4 == 0 && g.out_w % 4 == 0 && tiles.count % lanes == 0 && lanes % tiles.columns == 0 &&
         2 * tiles.columns >= groups;
}

alignas(64) constexpr float row_of_zeros[lanes] = {};

template <int P>
struct WholeInput {
  static constexpr int run = lanes / P;
  std::ptrdiff_t first[4][P];  ///< of the tiles' own first row
  bool at_top[4][P], at_bottom[4][P];
  std::ptrdiff_t width;
  Shuffle previous, next;  ///< from the tile before and behind, zero beyond the image

  WholeInput(const ConvGeometry& g, const Segment (&segments)[4][P]) : width(g.in_w) {
    const std::ptrdiff_t image = static_cast<std::ptrdiff_t>(g.in_channels) * g.in_h * g.in_w;
    const int columns = g.out_w / 4;
    for (int m = 0; m < 4; ++m) {
      for (int p = 0; p < P; ++p) {
        const Segment& s = segments[m][p];
        first[m][p] = s.image * image + 4 * (s.row * width + s.column);
        at_top[m][p] = s.row == 0;
        at_bottom[m][p] = 4 * (s.row + 1) == g.in_h;
      }
    }
    const auto lane_of = [](int tile) { return 4 * (tile % groups) + tile / groups; };
    int before[lanes], behind[lanes];
    for (int tile = 0; tile < lanes; ++tile) {
      const int column = tile % columns;
      before[lane_of(tile)] = column > 0 ? lane_of(tile - 1) : -1;
      behind[lane_of(tile)] = column + 1 < columns ? lane_of(tile + 1) : -1;
    }
    previous = shuffle_from(before);
    next = shuffle_from(behind);
  }

  __attribute__((always_inline)) inline const float* run_at(const float* plane, int i, int m, int p) const {
    const bool outside = (i == 0 && at_top[m][p]) || (i == 5 && at_bottom[m][p]);
    return outside ? row_of_zeros : plane + first[m][p] + (i - 1) * width;
  }
  /// Row i of the tiles, one vector per column.
  __attribute__((always_inline)) inline void row(const float* plane, int i, Vector (&x)[6]) const {
    Vector own[4];
#pragma GCC unroll 4
    for (int m = 0; m < 4; ++m) {
      if constexpr (P == 1) {
        own[m] = load(run_at(plane, i, m, 0));
      } else {
        own[m] = load_halves(run_at(plane, i, m, 0), run_at(plane, i, m, 1));
      }
    }
    transpose_fours(own[0], own[1], own[2], own[3]);
    x[0] = shuffled(own[3], previous);
    x[1] = own[0], x[2] = own[1], x[3] = own[2], x[4] = own[3];
    x[5] = shuffled(own[0], next);
  }
};

template <int P>
struct WholeOutput {
  std::ptrdiff_t first[4][P];
  std::ptrdiff_t width;

  WholeOutput() = default;
  WholeOutput(const ConvGeometry& g, const Segment (&segments)[4][P]) : width(g.out_w) {
    const std::ptrdiff_t image = static_cast<std::ptrdiff_t>(g.out_channels) * g.out_h * g.out_w;
    for (int m = 0; m < 4; ++m) {
      for (int p = 0; p < P; ++p) {
        const Segment& s = segments[m][p];
        first[m][p] = s.image * image + 4 * (s.row * width + s.column);
      }
    }
  }

  /// Row i of the tiles, one vector per column, to where its pixels belong.
  __attribute__((always_inline)) inline void row(Vector (&pixels)[4], int i, float* plane) const {
    transpose_fours(pixels[0], pixels[1], pixels[2], pixels[3]);
#pragma GCC unroll 4
    for (int m = 0; m < 4; ++m) {
      float* to = plane + i * width;
      if constexpr (P == 1) {
        store(to + first[m][0], pixels[m]);
      } else {
        store_halves(to + first[m][0], to + first[m][1], pixels[m]);
      }
    }
  }
};

template <int P>
struct WholeTiles {
  using Input = WholeInput<P>;
  using Output = WholeOutput<P>;
};

}  // namespace
}  // namespace deepzero::cpu
