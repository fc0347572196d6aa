// The input as the convolution tiles read it, so that a tap (kh, kw) is one constant offset for all output pixels and
// the outputs of a plane are one dense range.
//
// Every input plane is written out once per kernel column kw: row r of that copy holds, for each output column ow,
// the padded input at column ow·stride_w + kw. With a vertical stride the rows are split by r mod stride_h ("phases").
// The input of output pixel p = oh·Wo + ow at tap (kh, kw) of channel ci is then
//
//     scratch[ci·channel + kw·copy + (kh mod stride_h)·phase + (kh div stride_h)·Wo + p]
//
// Padding is part of the copies (zeros); a vector of zeros closes the last one, so that the last vector of pixels may
// be read whole. Included after cpu/simd/avx2.h or avx512.h.
#pragma once

#include "cpu/conv2d/kernel.h"

namespace deepzero::cpu {
namespace {

struct Expanded {
  int phases;           ///< row phases that the kernel touches
  int phase_rows;       ///< rows of one phase
  std::size_t phase;    ///< floats of one phase
  std::size_t copy;     ///< floats of one kernel column's copy
  std::size_t channel;  ///< floats of one input channel
};

inline Expanded expanded(const ConvGeometry& g) {
  Expanded e;
  e.phases = g.stride_h < g.kernel_h ? g.stride_h : g.kernel_h;
  e.phase_rows = g.out_h + (g.kernel_h - 1) / g.stride_h;
  e.phase = static_cast<std::size_t>(e.phase_rows) * g.out_w;
  e.copy = e.phases * e.phase;
  e.channel = g.kernel_w * e.copy;
  return e;
}

/// Writes `count` ≤ lanes floats.
inline void put(float* p, int count, Vector value) {
  if (count == lanes) {
    store(p, value);
  } else {
    store_first(p, count, value);
  }
}

/// Output columns ow … ow + lanes − 1 of a row at kernel column kw: where they lie in the input row, and which of them
/// are inside it.
struct Columns {
  int count;        ///< ≤ lanes
  int offset;       ///< input column of the first one
  Lanes low, high;  ///< high: of the second vector that stride 2 takes
};

inline Columns columns(const ConvGeometry& g, int kw, int ow) {
  Columns c;
  c.count = g.out_w - ow < lanes ? g.out_w - ow : lanes;
  c.offset = ow * g.stride_w + kw - g.pad_w;
  const int needed = (c.count - 1) * g.stride_w + 1;
  const int end = g.in_w - c.offset < needed ? g.in_w - c.offset : needed;
  c.low = lanes_between(-c.offset, end);
  c.high = lanes_between(-c.offset - lanes, end - lanes);
  return c;
}

/// The columns of an input row, zero outside it.
inline Vector row_at(const ConvGeometry& g, const float* row, const Columns& c) {
  if (g.stride_w == 1) return load_lanes(row + c.offset, c.low);
  if (g.stride_w == 2) return evens(load_lanes(row + c.offset, c.low), load_lanes(row + c.offset + lanes, c.high));
  alignas(64) float values[lanes];
  for (int i = 0; i < lanes; ++i) {
    const int column = c.offset + i * g.stride_w;
    values[i] = i < c.count && column >= 0 && column < g.in_w ? row[column] : 0.0f;
  }
  return load(values);
}

/// Rows first, first + step, … (`rows` of them, padded coordinates) of a plane at kernel column kw.
inline void expand_rows(const ConvGeometry& g, const float* plane, int kw, int first, int step, int rows, float* out) {
  for (int ow = 0; ow < g.out_w; ow += lanes) {
    const Columns c = columns(g, kw, ow);
    float* to = out + ow;
    int ih = first - g.pad_h;
    for (int r = 0; r < rows; ++r, ih += step, to += g.out_w) {
      const bool inside = ih >= 0 && ih < g.in_h;
      put(to, c.count, inside ? row_at(g, plane + static_cast<std::ptrdiff_t>(ih) * g.in_w, c) : zero());
    }
  }
}

/// `count` planes in a row, closed by a vector of zeros.
inline void expand(const ConvGeometry& g, const Expanded& e, const float* x, int count, float* scratch) {
  for (int ci = 0; ci < count; ++ci, x += static_cast<std::size_t>(g.in_h) * g.in_w) {
    for (int kw = 0; kw < g.kernel_w; ++kw) {
      for (int phase = 0; phase < e.phases; ++phase, scratch += e.phase) {
        expand_rows(g, x, kw, phase, g.stride_h, e.phase_rows, scratch);
      }
    }
  }
  store(scratch, zero());
}

}  // namespace
}  // namespace deepzero::cpu
