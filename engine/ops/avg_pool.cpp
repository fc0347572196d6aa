#include "engine/ops/avg_pool.h"

#include <algorithm>

namespace deepzero {

double AvgPool::cost(std::span<const Support> in) const {
  return 1.0 * in[0].channels(input_shape().c) * kernel_h * kernel_w * output_shape().plane();
}

template <class T>
void AvgPool::run(const Pass<T>& pass) const {
  const Shape &in = input_shape(), &out = output_shape();
  const std::size_t planes = static_cast<std::size_t>(pass.count) * in.c;
  for (std::size_t p = 0; p < planes; ++p) {
    const T* x = pass.inputs[0] + p * in.plane();
    T* y = pass.output + p * out.plane();
    for (int i = 0; i < out.h; ++i)
      for (int j = 0; j < out.w; ++j) {
        T sum = 0;
        for (int row = std::max(0, i * stride_h - pad_h); row < std::min(in.h, i * stride_h - pad_h + kernel_h); ++row)
          for (int col = std::max(0, j * stride_w - pad_w); col < std::min(in.w, j * stride_w - pad_w + kernel_w);
               ++col)
            sum += x[row * in.w + col];
        y[i * out.w + j] = sum / (static_cast<T>(kernel_h) * static_cast<T>(kernel_w));
      }
  }
}

void AvgPool::forward(const Pass<float>& pass) const { run(pass); }
void AvgPool::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
