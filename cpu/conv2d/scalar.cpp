// Convolution of one image, plain: y[co] = bias[co] + Σ_{ci, kh, kw} w[co][ci][kh][kw] · (x[ci] shifted by (kh, kw)).
// Weights stay as they come, no scratch.
#include "cpu/conv2d/kernel.h"

#include <algorithm>

namespace deepzero::cpu {
namespace {

/// Outputs first … end − 1 of a row (or column) whose input, o·stride + tap − pad, lies inside 0 … in − 1.
struct Range {
  int first, end;
};

Range inside(int tap, int in, int out, int stride, int pad) {
  const int before = pad - tap;  // input index at output 0, negated
  const int first = before > 0 ? (before + stride - 1) / stride : 0;
  const int last = in - 1 + before;  // o·stride ≤ last
  const int end = last < 0 ? 0 : std::min(out, last / stride + 1);
  return {first, std::max(first, end)};
}

/// y += weight · (plane shifted by the tap), on the outputs whose input is inside the image.
void accumulate(const ConvGeometry& g, const float* plane, int kh, int kw, float weight, float* y) {
  const Range rows = inside(kh, g.in_h, g.out_h, g.stride_h, g.pad_h);
  const Range columns = inside(kw, g.in_w, g.out_w, g.stride_w, g.pad_w);
  for (int oh = rows.first; oh < rows.end; ++oh) {
    const float* row = plane + (oh * g.stride_h + kh - g.pad_h) * g.in_w;
    for (int ow = columns.first; ow < columns.end; ++ow) {
      y[oh * g.out_w + ow] += weight * row[ow * g.stride_w + kw - g.pad_w];
    }
  }
}

std::size_t packed_floats(const ConvGeometry& g) {
  return static_cast<std::size_t>(g.out_channels) * g.in_channels * g.kernel_h * g.kernel_w;
}

void pack(const ConvGeometry& g, const float* weights, float* packed) {
  std::copy_n(weights, packed_floats(g), packed);
}

std::size_t scratch_floats(const ConvGeometry&) { return 0; }

void start(const ConvGeometry& g, const float* bias, float* y) {
  for (int co = 0; co < g.out_channels; ++co)
    std::fill_n(y + co * g.out_h * g.out_w, g.out_h * g.out_w, bias != nullptr ? bias[co] : 0.0f);
}

/// y += W[:, first … first + count − 1] ∗ x, where x holds `count` planes.
void add(const ConvGeometry& g, const float* x, int first, int count, const float* weights, float* y) {
  const int taps = g.kernel_h * g.kernel_w;
  for (int co = 0; co < g.out_channels; ++co) {
    float* out = y + co * g.out_h * g.out_w;
    for (int ci = 0; ci < count; ++ci) {
      const float* plane = x + ci * g.in_h * g.in_w;
      const float* w = weights + (co * g.in_channels + first + ci) * taps;
      for (int kh = 0; kh < g.kernel_h; ++kh) {
        for (int kw = 0; kw < g.kernel_w; ++kw) accumulate(g, plane, kh, kw, w[kh * g.kernel_w + kw], out);
      }
    }
  }
}

void dense(const ConvGeometry& g, const float* x, const float* packed, const float* bias, float* y, float*) {
  start(g, bias, y);
  add(g, x, 0, g.in_channels, packed, y);
}

void dense_pair(const ConvGeometry& g, const float* x, const float* z, const float* packed, const float* bias, float* y,
                float*) {
  start(g, bias, y);
  add(g, x, 0, g.in_channels / 2, packed, y);
  add(g, z, g.in_channels / 2, g.in_channels / 2, packed, y);
}

std::size_t tap_offset(const ConvGeometry& g, int ci, int kh, int kw) {
  return static_cast<std::size_t>((ci * g.kernel_h + kh) * g.kernel_w + kw);
}

void sparse(const ConvGeometry& g, const float* x, const SparseWeights& weights, const float* bias, float* y, float*) {
  for (int co = 0; co < g.out_channels; ++co) {
    float* out = y + co * g.out_h * g.out_w;
    std::fill_n(out, g.out_h * g.out_w, bias != nullptr ? bias[co] : 0.0f);
    for (std::uint32_t i = weights.first[co]; i < weights.first[co + 1]; ++i) {
      const int tap = static_cast<int>(weights.taps[i].offset), row = tap / g.kernel_w;
      const float* plane = x + row / g.kernel_h * g.in_h * g.in_w;
      accumulate(g, plane, row % g.kernel_h, tap % g.kernel_w, weights.taps[i].weight, out);
    }
  }
}

void one_channel(const ConvGeometry& g, const float* plane, int channel, const float* weights, float* y, float*) {
  start(g, nullptr, y);
  add(g, plane, channel, 1, weights, y);
}

void shift(const ConvGeometry& g, const float* plane, int kh, int kw, float* y) {
  std::fill_n(y, g.out_h * g.out_w, 0.0f);
  accumulate(g, plane, kh, kw, 1.0f, y);
}

}  // namespace

const ConvKernels conv_scalar = {packed_floats, pack,       scratch_floats, dense, dense_pair,
                                 sparse,        tap_offset, one_channel,    shift};

}  // namespace deepzero::cpu
