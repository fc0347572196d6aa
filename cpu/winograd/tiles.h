// Which pixels the lanes of a vector stand for. Tiles are counted through rows and images, t = (n·th + row)·tw +
// column, and a vector has one lane per tile. Four registers read the pixels of a vector's tiles: each holds `lanes`
// pixels of an image row, a group of four lanes being the four columns of one tile. Transposed as 4×4 matrices
// (transpose_fours) they become four vectors, one per column, where lane 4q + m is group q of register m, the tile at
// m·lanes/4 + q. Storing goes the same way backwards.
//
// The tiles of a register may lie in several tile rows, of one image or two: it is read in up to P runs. Masks take
// care of edges and of lanes without a tile; whole_tiles.h does without, for the usual shapes.
// Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/conv2d/kernel.h"

namespace deepzero::cpu {
namespace {

constexpr int groups = lanes / 4;  ///< tiles that one register reads

struct Tiles {
  int rows, columns;  ///< of an image
  int count;          ///< of all images
};

inline Tiles tiles_of(const ConvGeometry& g, int images) {
  const int rows = (g.out_h + 3) / 4, columns = (g.out_w + 3) / 4;
  return {rows, columns, images * rows * columns};
}

/// Vectors that hold the tiles.
inline int vectors_of(const Tiles& tiles) { return (tiles.count + lanes - 1) / lanes; }

/// The most runs of a register.
inline int runs_of(const Tiles& tiles) {
  if (tiles.columns % groups == 0) return 1;
  return tiles.columns == 1 ? groups : 2;
}

/// Neighbouring tiles of one row.
struct Segment {
  int group, count;        ///< first group of lanes and how many
  int image, row, column;  ///< of the first tile, in tiles
};

/// The segments that each of the four registers of the vector of tiles first … first + lanes − 1 reads.
template <int P>
inline void find_segments(const Tiles& tiles, int first, Segment (&segments)[4][P]) {
  int column = first % tiles.columns, row = first / tiles.columns;
  int image = row / tiles.rows, left = tiles.count - first;
  row %= tiles.rows;
  for (auto& of_register : segments) {
    int group = 0;
    for (Segment& s : of_register) {
      int count = groups - group < left ? groups - group : left;
      if (count > tiles.columns - column) count = tiles.columns - column;
      s = {group, count, image, row, column};
      group += count;
      left -= count;
      column += count;
      if (column < tiles.columns) continue;
      column = 0;
      if (++row < tiles.rows) continue;
      row = 0;
      ++image;
    }
  }
}

/// Lanes of a register and the float that lane 0 would have. A run of no lanes stands at the start of the plane, where
/// memory may be read: a masked load elsewhere would be correct, but slow if it met a page that is not there.
struct Run {
  std::ptrdiff_t offset;
  Lanes taken;
};

inline Run no_run() { return {0, lanes_between(0, 0)}; }

/// The lanes of segment s whose column, `left` at lane 0, lies inside a row of `width` pixels.
inline Lanes inside(const Segment& s, int left, int width) {
  const int first = 4 * s.group, end = first + 4 * s.count;
  return lanes_between(first < -left ? -left : first, end < width - left ? end : width - left);
}

template <int P>
inline Vector load_runs(const float* plane, const Run (&runs)[P]) {
  Vector pixels = load_lanes(plane + runs[0].offset, runs[0].taken);
#pragma GCC unroll 4
  for (int p = 1; p < P; ++p) pixels = load_more(pixels, plane + runs[p].offset, runs[p].taken);
  return pixels;
}

template <int P>
inline void store_runs(float* plane, const Run (&runs)[P], Vector pixels) {
#pragma GCC unroll 4
  for (int p = 0; p < P; ++p) store_lanes(plane + runs[p].offset, runs[p].taken, pixels);
}

/// Input rows 0 … 5 of a vector's tiles: columns 0 … 3, and columns 4 … 7, of which the tiles need two.
template <int P>
struct InputRuns {
  Run low[6][4][P], high[6][4][P];

  InputRuns(const ConvGeometry& g, const Segment (&segments)[4][P]) {
    const std::ptrdiff_t image = static_cast<std::ptrdiff_t>(g.in_channels) * g.in_h * g.in_w;
    for (int m = 0; m < 4; ++m) {
      for (int p = 0; p < P; ++p) {
        const Segment& s = segments[m][p];
        const int left = 4 * (s.column - s.group) - g.pad_w;
        const Lanes four = inside(s, left, g.in_w), next = inside(s, left + 4, g.in_w);
        for (int i = 0; i < 6; ++i) {
          const int row = 4 * s.row + i - g.pad_h;
          const bool inside_image = s.count > 0 && row >= 0 && row < g.in_h;
          const std::ptrdiff_t offset = s.image * image + static_cast<std::ptrdiff_t>(row) * g.in_w + left;
          low[i][m][p] = inside_image ? Run{offset, four} : no_run();
          high[i][m][p] = inside_image ? Run{offset + 4, next} : no_run();
        }
      }
    }
  }

  /// Row i of the tiles, one vector per column.
  __attribute__((always_inline)) inline void row(const float* plane, int i, Vector (&x)[6]) const {
#pragma GCC unroll 4
    for (int m = 0; m < 4; ++m) x[m] = load_runs(plane, low[i][m]);
    Vector next[4];
#pragma GCC unroll 4
    for (int m = 0; m < 4; ++m) next[m] = load_runs(plane, high[i][m]);
    transpose_fours(x[0], x[1], x[2], x[3]);
    transpose_fours(next, x[4], x[5]);
  }
};

/// Output rows 0 … 3 of a vector's tiles.
template <int P>
struct OutputRuns {
  Run rows[4][4][P];

  OutputRuns() = default;
  OutputRuns(const ConvGeometry& g, const Segment (&segments)[4][P]) {
    const std::ptrdiff_t image = static_cast<std::ptrdiff_t>(g.out_channels) * g.out_h * g.out_w;
    for (int m = 0; m < 4; ++m) {
      for (int p = 0; p < P; ++p) {
        const Segment& s = segments[m][p];
        const int left = 4 * (s.column - s.group);
        const Lanes four = inside(s, left, g.out_w);
        for (int i = 0; i < 4; ++i) {
          const int row = 4 * s.row + i;
          const std::ptrdiff_t offset = s.image * image + static_cast<std::ptrdiff_t>(row) * g.out_w + left;
          rows[i][m][p] = s.count > 0 && row < g.out_h ? Run{offset, four} : no_run();
        }
      }
    }
  }

  /// Row i of the tiles, one vector per column, to where its pixels belong.
  __attribute__((always_inline)) inline void row(Vector (&pixels)[4], int i, float* plane) const {
    transpose_fours(pixels[0], pixels[1], pixels[2], pixels[3]);
#pragma GCC unroll 4
    for (int r = 0; r < 4; ++r) store_runs(plane, rows[i][r], pixels[r]);
  }
};

/// Any shape.
template <int P>
struct AnyTiles {
  using Input = InputRuns<P>;
  using Output = OutputRuns<P>;
};

}  // namespace
}  // namespace deepzero::cpu
