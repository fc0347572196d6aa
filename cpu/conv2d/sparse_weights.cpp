#include "cpu/conv2d/sparse_weights.h"

namespace deepzero::cpu {

void SparseLists::assign(const ConvGeometry& g, const ConvKernels& kernels, const float* weights, std::size_t step) {
  first_.assign(1, 0);
  taps_.clear();
  for (int co = 0; co < g.out_channels; ++co, weights += step) {
    const float* weight = weights;
    for (int ci = 0; ci < g.in_channels; ++ci) {
      for (int kh = 0; kh < g.kernel_h; ++kh) {
        for (int kw = 0; kw < g.kernel_w; ++kw, ++weight) {
          if (*weight == 0.0f) continue;
          taps_.push_back({static_cast<std::uint32_t>(kernels.tap_offset(g, ci, kh, kw)), *weight});
        }
      }
    }
    first_.push_back(static_cast<std::uint32_t>(taps_.size()));
  }
}

}  // namespace deepzero::cpu
