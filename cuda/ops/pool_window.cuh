// The window that pooling ops slide over each plane; what lies outside the image is skipped.
#pragma once

#include "cuda/elements.cuh"
#include "engine/ops/pooling.h"

namespace deepzero::cuda {
namespace {

struct PoolGeometry {
  int in_h, in_w, out_h, out_w;
  int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;

  /// each(index into the input plane) over the window of output pixel `i` of a plane, row by row.
  template <class Each>
  __device__ void window(int i, const Each& each) const {
    const int top = i / out_w * stride_h - pad_h, left = i % out_w * stride_w - pad_w;
    for (int h = top < 0 ? 0 : top; h < in_h && h < top + kernel_h; ++h)
      for (int w = left < 0 ? 0 : left; w < in_w && w < left + kernel_w; ++w) each(h * in_w + w);
  }
};

inline PoolGeometry pool_geometry(const Pooling& op) {
  const Shape &in = op.input_shape(), &out = op.output_shape();
  return {in.h, in.w, out.h, out.w, op.kernel_h, op.kernel_w, op.stride_h, op.stride_w, op.pad_h, op.pad_w};
}

}  // namespace
}  // namespace deepzero::cuda
