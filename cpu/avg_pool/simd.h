// Average pooling of a plane on vectors; the same bits as the scalar twin. Windows of 2×2 with stride 2 and no padding
// take a vector of outputs at a time from two pairs of input vectors; other windows are the twin's. Included after
// cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/avg_pool/kernel.h"

namespace deepzero::cpu {
namespace {

inline void forward(const PoolGeometry& g, const float* x, float* y) {
  const bool halves =
      g.kernel_h == 2 && g.kernel_w == 2 && g.stride_h == 2 && g.stride_w == 2 && g.pad_h == 0 && g.pad_w == 0;
  if (!halves) {
    avg_pool_scalar.forward(g, x, y);
    return;
  }
  const std::size_t width = static_cast<std::size_t>(g.in_w);
  const Vector quarter = broadcast(0.25f);
  for (int oh = 0; oh < g.out_h; ++oh, x += 2 * width, y += g.out_w) {
    for (int ow = 0; ow < g.out_w; ow += lanes) {
      const int count = g.out_w - ow < lanes ? g.out_w - ow : lanes;
      const Lanes low = lanes_between(0, 2 * count), high = lanes_between(0, 2 * count - lanes);
      const float *top = x + 2 * ow, *bottom = top + width;
      const Vector a = load_lanes(top, low), b = load_lanes(top + lanes, high);
      const Vector c = load_lanes(bottom, low), d = load_lanes(bottom + lanes, high);
      store_first(y + ow, count, (((evens(a, b) + odds(a, b)) + evens(c, d)) + odds(c, d)) * quarter);
    }
  }
}

}  // namespace
}  // namespace deepzero::cpu
