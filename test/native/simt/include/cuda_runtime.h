// What kernels and their host code use of CUDA's header of this name, on the host: marks, indices, warp operations
// (full warps alone), and the runtime's functions for devices, memory, streams and events. Streams are lazy: their work
// is done when somebody waits for it. There is no default stream.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <source_location>

#include "test/native/simt/matrix.h"
#include "test/native/simt/simt.h"

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __launch_bounds__(...)

#define threadIdx (::simt::here().thread)
#define blockIdx (::simt::here().block)
#define blockDim (::simt::here().block_size)
#define gridDim (::simt::here().grid_size)

using dim3 = simt::Extent;

inline void __syncthreads(std::source_location where = std::source_location::current()) { simt::barrier(where); }
inline void __syncwarp(unsigned = 0xffffffffu, std::source_location where = std::source_location::current()) {
  simt::meet(nullptr, 0, where);
}
template <class T>
T __shfl_xor_sync(unsigned, T value, int mask, int = 32, std::source_location where = std::source_location::current()) {
  return simt::exchange(
      value, [mask](unsigned lane) { return lane ^ static_cast<unsigned>(mask); }, where);
}
template <class T>
T __shfl_sync(unsigned, T value, int from, int = 32, std::source_location where = std::source_location::current()) {
  return simt::exchange(
      value, [from](unsigned) { return static_cast<unsigned>(from); }, where);
}
inline unsigned __reduce_max_sync(unsigned, unsigned value,
                                  std::source_location where = std::source_location::current()) {
  simt::meet(&value, sizeof value, where);
  for (unsigned lane = 0; lane < 32; ++lane) {
    unsigned other;
    std::memcpy(&other, simt::left_by(lane), sizeof other);
    value = other > value ? other : value;
  }
  return value;
}
inline unsigned __ballot_sync(unsigned, int vote, std::source_location where = std::source_location::current()) {
  simt::meet(&vote, sizeof vote, where);
  unsigned votes = 0;
  for (unsigned lane = 0; lane < 32; ++lane) {
    int other;
    std::memcpy(&other, simt::left_by(lane), sizeof other);
    votes |= (other != 0 ? 1u : 0u) << lane;
  }
  return votes;
}

// Blocks run one after another, so that nothing comes between.
inline unsigned atomicMax(unsigned* to, unsigned value) {
  const unsigned before = *to;
  if (value > before) *to = value;
  return before;
}

inline unsigned __float_as_uint(float value) { return std::bit_cast<unsigned>(value); }
inline float __uint_as_float(unsigned value) { return std::bit_cast<float>(value); }

struct alignas(16) uint4 {
  unsigned x, y, z, w;
};
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) float4 {
  float x, y, z, w;
};
struct alignas(8) float2 {
  float x, y;
};

enum cudaError_t {
  cudaSuccess = 0,
  cudaErrorInvalidValue = 1,
  cudaErrorMemoryAllocation = 2,
  cudaErrorInsufficientDriver = 35,
  cudaErrorNoDevice = 100,
  cudaErrorInvalidDevice = 101,
  cudaErrorLaunchFailure = 719
};
enum cudaMemcpyKind { cudaMemcpyHostToDevice = 1, cudaMemcpyDeviceToHost = 2, cudaMemcpyDeviceToDevice = 3 };
enum { cudaStreamNonBlocking = 1, cudaEventDefault = 0, cudaEventDisableTiming = 2 };

struct cudaDeviceProp {
  char name[256];
  int major, minor, multiProcessorCount, l2CacheSize;
  std::size_t totalGlobalMem;
};
struct SimtStream;
struct SimtEvent;
using cudaStream_t = SimtStream*;
using cudaEvent_t = SimtEvent*;

const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaGetLastError();
cudaError_t cudaDriverGetVersion(int* version);
cudaError_t cudaRuntimeGetVersion(int* version);
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total);
cudaError_t cudaMalloc(void** memory, std::size_t size);
cudaError_t cudaFree(void* memory);
cudaError_t cudaMallocHost(void** memory, std::size_t size);
cudaError_t cudaFreeHost(void* memory);
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t size, cudaMemcpyKind kind, cudaStream_t stream);
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t size, cudaStream_t stream);
cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags);
cudaError_t cudaStreamDestroy(cudaStream_t stream);
cudaError_t cudaStreamSynchronize(cudaStream_t stream);
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned flags = 0);
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags);
cudaError_t cudaEventDestroy(cudaEvent_t event);
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream);
cudaError_t cudaEventSynchronize(cudaEvent_t event);
/// By the host's clock, when the stream came to them.
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end);

namespace simt {

/// Puts a launch into a stream. cuda/launch.h has the counterpart for a GPU.
void launch(const char* name, Extent grid, Extent block, std::size_t shared_bytes, cudaStream_t stream,
            std::function<void()> kernel);

}  // namespace simt
