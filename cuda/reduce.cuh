// Sums over the threads of a warp or a block in an order that never changes. All threads must take part; all get the
// sum.
#pragma once

#include "cuda/launch.cuh"

namespace deepzero::cuda {

inline constexpr int kWarp = 32;

/// Over groups of lanes, a power of two of them.
template <class T>
__device__ T lanes_sum(T value, int lanes) {
  for (int step = lanes / 2; step > 0; step /= 2) value += __shfl_xor_sync(0xffffffffu, value, step);
  return value;
}
template <class T>
__device__ T warp_sum(T value) {
  return lanes_sum(value, kWarp);
}
/// Lanes of such a group for so many pieces: as many as have work, up to a warp.
inline int lanes_for(int pieces) {
  int lanes = 1;
  while (lanes < kWarp && lanes < pieces) lanes *= 2;
  return lanes;
}

/// Adds a number to the sums Σ d, Σ xc·d, Σ d² of a batch norm.
__device__ inline void add_sums(float (&total)[3], float d, float xc) {
  total[0] += d;
  total[1] = fmaf(xc, d, total[1]);
  total[2] = fmaf(d, d, total[2]);
}

/// `shared`: one T per warp.
template <class T>
__device__ T block_sum(T value, T* shared) {
  value = warp_sum(value);
  const int thread = static_cast<int>(threadIdx.x), warps = static_cast<int>(blockDim.x) / kWarp;
  __syncthreads();  // a sum before this one may still be read
  if (thread % kWarp == 0) shared[thread / kWarp] = value;
  __syncthreads();
  T total = 0;
  for (int warp = 0; warp < warps; ++warp) total += shared[warp];
  return total;
}

}  // namespace deepzero::cuda
