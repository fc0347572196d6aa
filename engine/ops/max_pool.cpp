#include "engine/ops/max_pool.h"

#include <algorithm>
#include <limits>

namespace deepzero {

double MaxPool::cost(std::span<const Support> in) const {
  return 3.0 * in[0].channels(input_shape().c) * input_shape().plane();
}

template <class T>
void MaxPool::run(const Pass<T>& pass) const {
  const Shape &in = input_shape(), &out = output_shape();
  const std::size_t planes = static_cast<std::size_t>(pass.count) * in.c;
  for (std::size_t p = 0; p < planes; ++p) {
    const T* x = pass.inputs[0] + p * in.plane();
    T* y = pass.output + p * out.plane();
    for (int i = 0; i < out.h; ++i)
      for (int j = 0; j < out.w; ++j) {
        T best = -std::numeric_limits<T>::infinity();
        for (int row = std::max(0, i * stride_h - pad_h); row < std::min(in.h, i * stride_h - pad_h + kernel_h); ++row)
          for (int col = std::max(0, j * stride_w - pad_w); col < std::min(in.w, j * stride_w - pad_w + kernel_w);
               ++col) {
            const T value = x[row * in.w + col];
            if (!(value <= best)) best = value;  // a NaN wins and stays
          }
        y[i * out.w + j] = best;
      }
  }
}

void MaxPool::forward(const Pass<float>& pass) const { run(pass); }
void MaxPool::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
