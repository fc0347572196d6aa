// The option-A shortcut: every stride-th row and column, zeros in the channels around. The same for values and
// differences.
#pragma once

#include "cuda/elements.cuh"

namespace deepzero::cuda {
namespace {

/// From [images][in_c][in_h][in_w] to [images][..][out_h][out_w], the input's channels from channel `shift` on.
template <class T>
struct ShortcutA {
  const T* x;
  int in_c, in_h, in_w, out_h, out_w;
  int shift, stride, count;
  __device__ float operator()(const Element& e) const {
    const int c = e.i / (out_h * out_w) - shift, h = e.i / out_w % out_h, w = e.i % out_w;
    const std::size_t image = static_cast<std::size_t>(e.query) * count + e.image;
    return c >= 0 && c < in_c ? widened(x[((image * in_c + c) * in_h + h * stride) * in_w + w * stride]) : 0;
  }
};

}  // namespace
}  // namespace deepzero::cuda
