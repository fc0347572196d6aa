// y = W·x + b on flattened images, features in a fixed order: a thread per image where features come in vectors and the
// weights fit into shared memory, else a warp per image and output.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/reduce.cuh"
#include "cuda/vectors.cuh"

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

constexpr int kLinearThreads = 64;
/// Outputs whose sums a thread holds at once.
constexpr int kLinearOut = 8;

/// grid: (groups of images, queries); `count` images. Shared: weights [features][outs], padded to groups of kLinearOut.
template <class T>
__global__ void multiply_images(Product<T> p, int count) {
  auto* const weights = shared_memory<float>();
  const int outs = (p.out + kLinearOut - 1) / kLinearOut * kLinearOut, query = static_cast<int>(blockIdx.y);
  for (int i = static_cast<int>(threadIdx.x); i < p.features * outs; i += kLinearThreads) {
    const int o = i % outs, j = i / outs;
    weights[i] = o < p.out ? p.weight[static_cast<std::size_t>(o) * p.row + j] : 0;
  }
  __syncthreads();
  const int n = static_cast<int>(blockIdx.x) * kLinearThreads + static_cast<int>(threadIdx.x);
  const std::size_t image = static_cast<std::size_t>(query) * count + (n < count ? n : count - 1);
  Writer<T> writer(p.y);
  for (int first = 0; first < outs; first += kLinearOut) {
    float sums[kLinearOut] = {};
    for (int j = 0; j < p.features; j += kVector) {
      float x[kVector];
      load_widened(p.x + image * p.features + j, x);
      for (int e = 0; e < kVector; ++e)
        for (int o = 0; o < kLinearOut; ++o) sums[o] = fmaf(weights[(j + e) * outs + first + o], x[e], sums[o]);
    }
    for (int o = 0; o < kLinearOut; ++o) {
      const std::size_t at = image * p.out + first + o;
      if (n >= count || first + o >= p.out) continue;
      const float start = (p.add ? widened(p.y.stored[at]) : 0.0f) + (p.bias != nullptr ? p.bias[first + o] : 0.0f);
      writer.put(at, start + sums[o]);
    }
  }
  writer.finish(query);
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
