// The mean of each plane, of values and differences alike, summed in float64: one warp per plane.
#pragma once

#include "cuda/reduce.cuh"

namespace deepzero::cuda {
namespace {

constexpr int kPoolWarps = 4;

__global__ void plane_means(const float* x, std::size_t planes, int plane, float* y) {
  const std::size_t p = static_cast<std::size_t>(blockIdx.x) * kPoolWarps + threadIdx.x / kWarp;
  if (p >= planes) return;
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x) % kWarp; i < plane; i += kWarp)
    sum += static_cast<double>(x[p * plane + i]);
  sum = warp_sum(sum);
  if (threadIdx.x % kWarp == 0) y[p] = static_cast<float>(sum / plane);
}

}  // namespace
}  // namespace deepzero::cuda
