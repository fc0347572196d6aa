// How differences stand in device memory: as float, float16 or bfloat16. They are widened where they are read and
// rounded to nearest where they are written; what is computed in between is float32.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <type_traits>

#include "cuda/launch.cuh"
#include "cuda/op.h"

namespace deepzero::cuda {

__device__ inline float widened(float value) { return value; }
__device__ inline float widened(__half value) { return __half2float(value); }
__device__ inline float widened(__nv_bfloat16 value) { return __bfloat162float(value); }

template <class T>
__device__ T rounded(float value) {
  if constexpr (std::is_same_v<T, __half>)
    return __float2half_rn(value);
  else if constexpr (std::is_same_v<T, __nv_bfloat16>)
    return __float2bfloat16_rn(value);
  else
    return value;
}

/// Calls work.operator()<T>() with the type in which a block's differences are stored.
template <class Work>
void with_stored(const Block& block, const Work& work) {
  switch (block.precision) {
    case Precision::f16:
      return work.template operator()<__half>();
    case Precision::bf16:
      return work.template operator()<__nv_bfloat16>();
    case Precision::f32:
      return work.template operator()<float>();
  }
}

/// Where a kernel writes a difference.
template <class T>
struct Destination {
  T* stored = nullptr;
  float* whole = nullptr;       ///< instead, where it is the network's output and T is not float
  unsigned* largest = nullptr;  ///< [Q]: bits of the largest |value| of each query, kept where T is float16
};

/// Of a DifferenceCall or a SeedCall.
template <class T, class Call>
Destination<T> destination(const Call& call) {
  if (!std::is_same_v<T, float> && call.whole) return {nullptr, static_cast<float*>(call.out), call.block.largest};
  return {static_cast<T*>(call.out), nullptr, call.block.largest};
}

/// What a thread writes to a destination.
template <class T>
class Writer {
 public:
  __device__ explicit Writer(const Destination<T>& to) : to_(to) {}

  __device__ void put(std::size_t at, float value) {
    if (to_.whole != nullptr)
      to_.whole[at] = value;
    else
      to_.stored[at] = rounded<T>(value);
    if constexpr (kKeepsLargest) {
      const unsigned size = __float_as_uint(value) & 0x7fffffffu;
      largest_ = size > largest_ ? size : largest_;
    }
  }

  /// After the last value, by all lanes of a warp, which have written of this query alone. The largest value does not
  /// depend on any order.
  __device__ void finish(int query) const {
    if constexpr (kKeepsLargest) {
      const unsigned largest = __reduce_max_sync(0xffffffffu, largest_);
      unsigned* const kept = to_.largest + query;
      if (threadIdx.x % 32 == 0 && largest > *static_cast<volatile unsigned*>(kept)) atomicMax(kept, largest);
    }
  }

 private:
  static constexpr bool kKeepsLargest = std::is_same_v<T, __half>;
  const Destination<T>& to_;
  unsigned largest_ = 0;
};

}  // namespace deepzero::cuda
