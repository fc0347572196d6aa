// The loops of peaks.cu. Operands are ones, so that every sum is a whole number and can be checked.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <type_traits>

#include "cuda/matrix.cuh"

namespace deepzero::bench {
namespace {

constexpr int kPeakThreads = 256;
constexpr int kWarpSize = 32;
constexpr int kMatrixSums = 8;  ///< independent accumulators of a warp: more than what hides the latency
constexpr int kScalarSums = 16;
constexpr double kMatrixOperations = 2.0 * 16 * 8 * 16;  ///< of one m16n8k16
/// Two ones of type T, __half or __nv_bfloat16, in a register.
template <class T>
constexpr std::uint32_t kOnes = std::is_same_v<T, __half> ? 0x3c003c00 : 0x3f803f80;

/// out[thread] = Σ of its sums: kMatrixSums · 4 · 16 · rounds. `ones` is an argument so that nothing is known before.
template <class T>
__global__ void __launch_bounds__(kPeakThreads) matrix_loop(std::uint32_t ones, int rounds, float* out) {
  const std::uint32_t a[4] = {ones, ones, ones, ones}, b[2] = {ones, ones};
  float sums[kMatrixSums][4] = {};
  for (int round = 0; round < rounds; ++round)
    for (int i = 0; i < kMatrixSums; ++i) cuda::warp_multiply<T>(sums[i], a, b);
  float sum = 0;
  for (int i = 0; i < kMatrixSums; ++i)
    for (int k = 0; k < 4; ++k) sum += sums[i][k];
  out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

/// out[thread] = kScalarSums · rounds.
__global__ void __launch_bounds__(kPeakThreads) scalar_loop(float one, int rounds, float* out) {
  float sums[kScalarSums] = {};
  for (int round = 0; round < rounds; ++round)
    for (int i = 0; i < kScalarSums; ++i) sums[i] = fmaf(sums[i], one, one);
  float sum = 0;
  for (int i = 0; i < kScalarSums; ++i) sum += sums[i];
  out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

__device__ inline uint4 load_past_l1(const uint4* from) {
#if defined(__CUDACC__)
  return __ldcg(from);
#else
  return *from;
#endif
}
__device__ inline void store_past_l1(uint4* to, const uint4& value) {
#if defined(__CUDACC__)
  __stcg(to, value);
#else
  *to = value;
#endif
}

/// to = from, `rounds` times, sixteen bytes a thread and step.
__global__ void __launch_bounds__(kPeakThreads) copy_loop(const uint4* from, uint4* to, std::size_t count, int rounds) {
  const std::size_t threads = static_cast<std::size_t>(gridDim.x) * blockDim.x;
  for (int round = 0; round < rounds; ++round)
    for (std::size_t i = static_cast<std::size_t>(blockIdx.x) * blockDim.x + threadIdx.x; i < count; i += threads)
      store_past_l1(to + i, load_past_l1(from + i));
}

}  // namespace
}  // namespace deepzero::bench
