// Max-pooling of a plane on vectors, and its difference rule; the same bits as the scalar twin. Windows of 2×2 with
// stride 2 and no padding take a vector of outputs at a time from two pairs of input vectors; other windows are the
// twin's. Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/max_pool/kernel.h"

namespace deepzero::cpu {
namespace {

/// The four values of each of up to `lanes` windows of 2×2.
struct Windows {
  Vector top_left, top_right, bottom_left, bottom_right;
};

/// Windows whose top rows start at `top`, `width` floats above the bottom ones; `count` of them, ≤ lanes.
inline Windows windows(const float* top, std::size_t width, int count) {
  const Lanes low = lanes_between(0, 2 * count), high = lanes_between(0, 2 * count - lanes);
  const Vector a = load_lanes(top, low), b = load_lanes(top + lanes, high);
  const Vector c = load_lanes(top + width, low), d = load_lanes(top + width + lanes, high);
  return {evens(a, b), odds(a, b), evens(c, d), odds(c, d)};
}

/// Maximum in the twin's order: left to right, top to bottom.
inline Vector maximum(Windows w) {
  return larger_or_nan(larger_or_nan(larger_or_nan(w.top_left, w.top_right), w.bottom_left), w.bottom_right);
}

/// 2×2 windows, stride 2, no padding.
inline bool halves(const PoolGeometry& g) {
  return g.kernel_h == 2 && g.kernel_w == 2 && g.stride_h == 2 && g.stride_w == 2 && g.pad_h == 0 && g.pad_w == 0;
}

inline void forward(const PoolGeometry& g, const float* x, float* y) {
  if (!halves(g)) {
    max_pool_scalar.forward(g, x, y);
    return;
  }
  const std::size_t width = static_cast<std::size_t>(g.in_w);
  for (int oh = 0; oh < g.out_h; ++oh, x += 2 * width, y += g.out_w) {
    for (int ow = 0; ow < g.out_w; ow += lanes) {
      const int count = g.out_w - ow < lanes ? g.out_w - ow : lanes;
      store_first(y + ow, count, maximum(windows(x + 2 * ow, width, count)));
    }
  }
}

inline void difference(const PoolGeometry& g, const float* d, const float* x, const float* y, float inverse_mu,
                       float* dy) {
  if (!halves(g)) {
    max_pool_scalar.difference(g, d, x, y, inverse_mu, dy);
    return;
  }
  const std::size_t width = static_cast<std::size_t>(g.in_w);
  const Vector scale = broadcast(inverse_mu);
  for (int oh = 0; oh < g.out_h; ++oh, x += 2 * width, d += 2 * width, y += g.out_w, dy += g.out_w) {
    for (int ow = 0; ow < g.out_w; ow += lanes) {
      const int count = g.out_w - ow < lanes ? g.out_w - ow : lanes;
      const Windows base = windows(x + 2 * ow, width, count), delta = windows(d + 2 * ow, width, count);
      const Vector top = load_first(y + ow, count);
      const Windows moved = {
          (base.top_left - top) * scale + delta.top_left, (base.top_right - top) * scale + delta.top_right,
          (base.bottom_left - top) * scale + delta.bottom_left, (base.bottom_right - top) * scale + delta.bottom_right};
      store_first(dy + ow, count, maximum(moved));
    }
  }
}

}  // namespace
}  // namespace deepzero::cpu
