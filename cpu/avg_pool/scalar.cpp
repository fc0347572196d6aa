// Average pooling of a plane, plain.
#include "cpu/avg_pool/kernel.h"

#include <algorithm>

namespace deepzero::cpu {
namespace {

void forward(const PoolGeometry& g, const float* x, float* y) {
  const auto area = static_cast<float>(g.kernel_h) * static_cast<float>(g.kernel_w);
  for (int oh = 0; oh < g.out_h; ++oh) {
    for (int ow = 0; ow < g.out_w; ++ow) {
      const int top = oh * g.stride_h - g.pad_h, left = ow * g.stride_w - g.pad_w;
      float sum = 0;
      for (int ih = std::max(0, top); ih < std::min(g.in_h, top + g.kernel_h); ++ih)
        for (int iw = std::max(0, left); iw < std::min(g.in_w, left + g.kernel_w); ++iw) sum += x[ih * g.in_w + iw];
      y[oh * g.out_w + ow] = sum / area;
    }
  }
}

}  // namespace

const AvgPoolKernels avg_pool_scalar = {forward};

}  // namespace deepzero::cpu
