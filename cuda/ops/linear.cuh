// y = W·x + b on flattened images: one warp per image and output, features in a fixed order.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/reduce.cuh"

namespace deepzero::cuda {
namespace {

template <class T>
struct Product {
  const T* x;           ///< [images][features]
  const float* weight;  ///< [out][row], from the first feature of x on
  const float* bias;    ///< [out] or null
  int features, row, out;
  bool add;          ///< to what is in y
  Destination<T> y;  ///< [images][out]
};

constexpr int kLinearWarps = 4;

/// grid: results, `of_query` per query.
template <class T>
__global__ void multiply(Product<T> p, std::size_t results, int of_query) {
  const std::size_t result = static_cast<std::size_t>(blockIdx.x) * kLinearWarps + threadIdx.x / kWarp;
  if (result >= results) return;
  const std::size_t image = result / p.out, o = result % p.out;
  const T* x = p.x + image * p.features;
  const float* w = p.weight + o * p.row;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  float sum = 0;
  for (int j = lane; j < p.features; j += kWarp) sum = fmaf(w[j], widened(x[j]), sum);
  sum = warp_sum(sum);
  Writer<T> writer(p.y);
  if (lane == 0) {
    const float start = (p.add ? widened(p.y.stored[result]) : 0.0f) + (p.bias != nullptr ? p.bias[o] : 0.0f);
    writer.put(result, start + sum);
  }
  writer.finish(static_cast<int>(result / of_query));
}

/// out[q][n] = sign·x[n][element of q]; sign alone without x.
struct LinearSeed {
  const float* x;
  const std::uint32_t* elements;
  int features;
  float sign;
  __device__ float operator()(const Element& e) const {
    return x == nullptr ? sign : sign * x[static_cast<std::size_t>(e.image) * features + elements[e.query]];
  }
};

}  // namespace
}  // namespace deepzero::cuda
