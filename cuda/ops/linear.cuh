// y = W·x + b on flattened images: one warp per image and output, features in a fixed order.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/reduce.cuh"

namespace deepzero::cuda {
namespace {

struct Product {
  const float* x;       ///< [images][features]
  const float* weight;  ///< [out][row], from the first feature of x on
  const float* bias;    ///< [out] or null
  int features, row, out;
  bool add;  ///< to what is in y
  float* y;  ///< [images][out]
};

constexpr int kLinearWarps = 4;

__global__ void multiply(Product p, std::size_t results) {
  const std::size_t result = static_cast<std::size_t>(blockIdx.x) * kLinearWarps + threadIdx.x / kWarp;
  if (result >= results) return;
  const std::size_t image = result / p.out, o = result % p.out;
  const float *x = p.x + image * p.features, *w = p.weight + o * p.row;
  float sum = 0;
  for (int j = static_cast<int>(threadIdx.x) % kWarp; j < p.features; j += kWarp) sum = fmaf(w[j], x[j], sum);
  sum = warp_sum(sum);
  if (threadIdx.x % kWarp != 0) return;
  const float start = (p.add ? p.y[result] : 0.0f) + (p.bias != nullptr ? p.bias[o] : 0.0f);
  p.y[result] = start + sum;
}

/// out[q][n] = sign·x[n][element of q]; sign alone without x.
struct LinearSeed {
  const float* x;
  const std::uint32_t* elements;
  int features;
  float sign;
  float* out;
  __device__ void operator()(const Element& e) const {
    out[e.at] = x == nullptr ? sign : sign * x[static_cast<std::size_t>(e.image) * features + elements[e.query]];
  }
};

}  // namespace
}  // namespace deepzero::cuda
