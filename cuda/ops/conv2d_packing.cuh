// Weights for tensor cores are rounded to float16 or bfloat16 behind a power of two that brings the largest one of the
// layer to between 1 and 2, so that those of a layer of small numbers keep their eleven bits; the sums are multiplied
// by its inverse. Both are exact.
#pragma once

#include <algorithm>

#include "cuda/reduce.cuh"
#include "cuda/stored.cuh"

namespace deepzero::cuda {
namespace {

struct PackingScale {
  float scale, inverse;
};

/// largest: the bits of the largest |weight|.
__device__ inline PackingScale packing_scale(const unsigned* largest) {
  constexpr unsigned fraction_bits = 23, one = 127, most = 254;
  const unsigned exponent = *largest >> fraction_bits;
  // Both must be normal numbers. NaN and infinities stay what they are.
  const unsigned by = exponent == 0 ? 1 : exponent >= most ? one : exponent;
  return {__uint_as_float((2 * one - by) << fraction_bits), __uint_as_float(by << fraction_bits)};
}

__global__ void find_largest(const float* weight, int size, unsigned* largest) {
  float own = 0;
  const int all = static_cast<int>(gridDim.x * blockDim.x);
  for (int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x); i < size; i += all)
    own = larger(own, fabsf(weight[i]));
  const unsigned of_warp = __reduce_max_sync(0xffffffffu, __float_as_uint(own));
  if (threadIdx.x % kWarp == 0) atomicMax(largest, of_warp);
}

/// largest: where its bits go.
inline void find_largest_weight(const Stream& stream, const float* weight, int size, unsigned* largest) {
  constexpr int threads = 256, most_blocks = 256;
  stream.clear(largest, 1);
  launch("find_largest", find_largest, static_cast<unsigned>(std::min((size + threads - 1) / threads, most_blocks)),
         threads, 0, stream, weight, size, largest);
}

}  // namespace
}  // namespace deepzero::cuda
