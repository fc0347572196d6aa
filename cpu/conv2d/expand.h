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
// be read whole. Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/conv2d/kernel.h"
#include "cpu/simd/each.h"

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

/// The columns of an input row, zero outside it. Stride 0 stands for any.
template <int stride>
inline Vector row_at(const ConvGeometry& g, const float* row, const Columns& c) {
  if constexpr (stride == 1) return load_lanes(row + c.offset, c.low);
  if constexpr (stride == 2)
    return evens(load_lanes(row + c.offset, c.low), load_lanes(row + c.offset + lanes, c.high));
  alignas(64) float values[lanes];
  for (int i = 0; i < lanes; ++i) {
    const int column = c.offset + i * g.stride_w;
    values[i] = i < c.count && column >= 0 && column < g.in_w ? row[column] : 0.0f;
  }
  return load(values);
}

/// Which padded rows first, first + step, … come from the image: `above` of them lie over it, then `inside` in it.
struct Rows {
  int count, above, inside;
  int top;   ///< input row of the first inside
  int step;  ///< input rows from one to the next
};

inline Rows rows_from(const ConvGeometry& g, int first, int step, int count) {
  const int start = first - g.pad_h;
  int above = start < 0 ? (-start + step - 1) / step : 0;
  if (above > count) above = count;
  const int top = start + above * step;
  int inside = top < g.in_h ? (g.in_h - 1 - top) / step + 1 : 0;
  if (inside > count - above) inside = count - above;
  return {count, above, inside, top, step};
}

/// Writes the rows of up to `lanes` columns, zeros where they lie outside the image. Where a row is narrower than a
/// vector, whole vectors run over its end as long as rows follow that write that part again.
template <int stride>
inline void copy_rows(const ConvGeometry& g, const Columns& c, const Rows& rows, const float* plane, float* to) {
  const std::ptrdiff_t from_step = static_cast<std::ptrdiff_t>(rows.step) * g.in_w, to_step = g.out_w;
  const float* from = plane + static_cast<std::ptrdiff_t>(rows.top) * g.in_w;
  const int end = rows.above + rows.inside;
  // Rows that may be written as whole vectors.
  int whole = c.count == lanes ? rows.count : 0;
  if (g.out_w < lanes && rows.count * g.out_w >= lanes) whole = (rows.count * g.out_w - lanes) / g.out_w + 1;
  int r = 0;
  for (; r < rows.above && r < whole; ++r, to += to_step) store(to, zero());
  for (; r < end && r < whole; ++r, to += to_step, from += from_step) store(to, row_at<stride>(g, from, c));
  for (; r < whole; ++r, to += to_step) store(to, zero());
  for (; r < rows.count; ++r, to += to_step) {
    const bool inside = r >= rows.above && r < end;
    put(to, c.count, inside ? row_at<stride>(g, from, c) : zero());
    if (inside) from += from_step;
  }
}

/// The same rows of `count` planes, `to_plane` floats apart, at kernel column kw.
inline void expand_rows(const ConvGeometry& g, const float* x, int count, int kw, const Rows& rows, float* to,
                        std::size_t to_plane) {
  const std::size_t plane = static_cast<std::size_t>(g.in_h) * g.in_w;
  for (int ow = 0; ow < g.out_w; ow += lanes) {
    const Columns c = columns(g, kw, ow);
    for (int ci = 0; ci < count; ++ci) {
      const float* from = x + ci * plane;
      float* out = to + ci * to_plane + ow;
      if (g.stride_w == 1) {
        copy_rows<1>(g, c, rows, from, out);
      } else if (g.stride_w == 2) {
        copy_rows<2>(g, c, rows, from, out);
      } else {
        copy_rows<0>(g, c, rows, from, out);
      }
    }
  }
}

/// `count` planes in a row, closed by a vector of zeros.
inline void expand(const ConvGeometry& g, const Expanded& e, const float* x, int count, float* scratch) {
  const std::size_t plane = static_cast<std::size_t>(g.in_h) * g.in_w;
  // Small planes share the preparation of a kernel column; large ones are finished one by one, while they are cached.
  const int group = g.out_w <= lanes ? count : 1;
  for (int ci = 0; ci < count; ci += group) {
    float* to = scratch + ci * e.channel;
    for (int kw = 0; kw < g.kernel_w; ++kw, to += e.copy) {
      for (int phase = 0; phase < e.phases; ++phase) {
        const Rows rows = rows_from(g, phase, g.stride_h, e.phase_rows);
        expand_rows(g, x + ci * plane, group, kw, rows, to + phase * e.phase, e.channel);
      }
    }
  }
  store(scratch + count * e.channel, zero());
}

}  // namespace
}  // namespace deepzero::cpu
