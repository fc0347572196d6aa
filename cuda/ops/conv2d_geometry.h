#pragma once

namespace deepzero::cuda {

struct ConvGeometry {
  int in_h, in_w, out_c, out_h, out_w;
  int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
  int taps() const { return kernel_h * kernel_w; }
};

}  // namespace deepzero::cuda
