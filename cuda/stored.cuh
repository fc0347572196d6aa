// How differences stand in device memory: as float, float16 or bfloat16. They are widened where they are read and
// rounded to nearest where they are written; what is computed in between is float32.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
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

__device__ inline std::uint32_t bits(__half value) { return __half_as_ushort(value); }
__device__ inline std::uint32_t bits(__nv_bfloat16 value) { return __bfloat16_as_ushort(value); }

/// Two numbers in a register, the first one in the lower half.
template <class T>
__device__ std::uint32_t pack(T first, T second) {
  return bits(first) | bits(second) << 16;
}

/// Two floats, rounded, in a register.
template <class T>
__device__ std::uint32_t pack_rounded(float first, float second) {
  if constexpr (std::is_same_v<T, __half>) {
    const __half2 both = __floats2half2_rn(first, second);
    return pack(both.x, both.y);
  } else {
    const __nv_bfloat162 both = __floats2bfloat162_rn(first, second);
    return pack(both.x, both.y);
  }
}

/// Number `i` of a register, 0 or 1.
template <class T>
__device__ T unpack(std::uint32_t both, int i) {
  const auto half = static_cast<unsigned short>(i == 0 ? both & 0xffffu : both >> 16);
  if constexpr (std::is_same_v<T, __half>)
    return __ushort_as_half(half);
  else
    return __ushort_as_bfloat16(half);
}

/// The larger one, or NaN where one of them is that.
__device__ inline float larger(float a, float b) {
#if defined(__CUDACC__)
  float result;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(result) : "f"(a), "f"(b));
  return result;
#else
  return a > b || a != a ? a : b;
#endif
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

/// The largest |value| that a thread sees, kept where T is float16.
template <class T>
class Largest {
 public:
  __device__ void see(float value) {
    if constexpr (kKept) largest_ = larger(largest_, fabsf(value));
  }
  /// Of two numbers of a register, rounded.
  __device__ void see_pair(std::uint32_t both) {
#if defined(__CUDACC__)
    if constexpr (kKept)
      asm("{ .reg .b32 size; abs.f16x2 size, %1; max.NaN.f16x2 %0, %0, size; }" : "+r"(pair_) : "r"(both));
#else
    for (int i = 0; i < 2; ++i) see(widened(unpack<T>(both, i)));
#endif
  }
  /// `ored`: the bits of numbers, before they were rounded to the pairs seen so far. Where not all were 0 and all pairs
  /// are, that counts as the smallest float16: something has been rounded away.
  __device__ void rounded_from(std::uint32_t ored) {
    if constexpr (kKept)
      if (ored << 1 != 0 && largest_ == 0 && pair_ == 0) pair_ = 1;
  }
  /// After the last value, by all lanes of a warp, which have seen values of this query alone: into largest[query]. It
  /// does not depend on any order.
  __device__ void keep(unsigned* largest, int query) const {
    if constexpr (kKept) {
      const unsigned all = of_warp();
      unsigned* const kept = largest + query;
      if (threadIdx.x % 32 == 0 && all > *static_cast<volatile unsigned*>(kept)) atomicMax(kept, all);
    }
  }

  /// The bits of that of a warp.
  __device__ unsigned of_warp() const {
    const float own = larger(largest_, larger(widened(unpack<T>(pair_, 0)), widened(unpack<T>(pair_, 1))));
    return __reduce_max_sync(0xffffffffu, __float_as_uint(own));
  }
  static constexpr bool kKept = std::is_same_v<T, __half>;

 private:
  float largest_ = 0;
  std::uint32_t pair_ = 0;  ///< of two numbers each
};

/// Of a block's queries first … last − 1 the largest numbers of its warps, whose bits are in shared memory,
/// [queries][warps]: into largest[query], once for the whole block.
template <int kQueries>
__device__ void keep_of_block(unsigned* largest, int first, int last) {
  const auto* const shared = shared_memory<unsigned>();
  const int thread = static_cast<int>(threadIdx.x), warps = static_cast<int>(blockDim.x) / 32;
  __syncthreads();
  if (thread >= last - first) return;
  unsigned all = 0;
  for (int warp = 0; warp < warps; ++warp) {
    const unsigned one = shared[thread * warps + warp];
    all = one > all ? one : all;
  }
  unsigned* const kept = largest + first + thread;
  if (all > *static_cast<volatile unsigned*>(kept)) atomicMax(kept, all);
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
    largest_.see(value);
  }
  /// Eight neighbours from a multiple of eight on, of two bytes each.
  __device__ void put_vector(std::size_t at, const float (&values)[8]) {
    if (to_.whole != nullptr) {
      for (int i = 0; i < 8; ++i) put(at + static_cast<std::size_t>(i), values[i]);
      return;
    }
    unsigned words[4];
    std::uint32_t ored = 0;
    for (int i = 0; i < 4; ++i) {
      words[i] = pack_rounded<T>(values[2 * i], values[2 * i + 1]);
      largest_.see_pair(words[i]);
      ored |= __float_as_uint(values[2 * i]) | __float_as_uint(values[2 * i + 1]);
    }
    largest_.rounded_from(ored);
    *reinterpret_cast<uint4*>(to_.stored + at) = {words[0], words[1], words[2], words[3]};
  }

  __device__ const Largest<T>& largest() const { return largest_; }
  /// As Largest::keep().
  __device__ void finish(int query) const { largest_.keep(to_.largest, query); }

 private:
  const Destination<T>& to_;
  Largest<T> largest_;
};

}  // namespace deepzero::cuda
