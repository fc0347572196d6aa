// The mean of each plane, of values and differences alike, summed in float64: one warp per plane.
#pragma once

#include "cuda/reduce.cuh"
#include "cuda/stored.cuh"

namespace deepzero::cuda {
namespace {

constexpr int kPoolWarps = 4;

/// Of `planes` planes, `of_query` per query.
template <class T>
__global__ void plane_means(const T* x, std::size_t planes, int of_query, int plane, Destination<T> y) {
  const std::size_t p = static_cast<std::size_t>(blockIdx.x) * kPoolWarps + threadIdx.x / kWarp;
  if (p >= planes) return;
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x) % kWarp; i < plane; i += kWarp)
    sum += static_cast<double>(widened(x[p * plane + i]));
  sum = warp_sum(sum);
  Writer<T> writer(y);
  if (threadIdx.x % kWarp == 0) writer.put(p, static_cast<float>(sum / plane));
  writer.finish(static_cast<int>(p / of_query));
}

}  // namespace
}  // namespace deepzero::cuda
