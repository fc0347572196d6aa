// The one way to start a kernel, and the one way to shared memory: compiled by nvcc for a GPU, by a C++ compiler for
// the SIMT runtime of the tests. All shared memory is dynamic.
#pragma once

#include <cuda_runtime.h>

#include <cmath>
#include <cstddef>

#include "cuda/check.h"
#include "cuda/observer.h"
#include "cuda/stream.h"

/// In front of a loop with a constant number of rounds over arrays that are to be registers.
#if defined(__CUDACC__)
#define DEEPZERO_UNROLL _Pragma("unroll")
/// In front of one whose rounds are to share their registers.
#define DEEPZERO_NO_UNROLL _Pragma("unroll 1")
#else
#define DEEPZERO_UNROLL
#define DEEPZERO_NO_UNROLL
#endif

namespace deepzero::cuda {

/// The block's shared memory, aligned to 16 bytes.
template <class T>
__device__ T* shared_memory() {
#if defined(__CUDACC__)
  extern __shared__ __align__(16) unsigned char block_memory[];
  return reinterpret_cast<T*>(block_memory);
#else
  return static_cast<T*>(simt::shared_memory());
#endif
}

#if defined(__CUDACC__)
/// That a block of the current device may have.
inline int most_shared_bytes() {
  int device = 0, most = 0;
  check(cudaGetDevice(&device), "cudaGetDevice");
  check(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, device), "cudaDeviceGetAttribute");
  return most;
}
#endif

/// kernel<<<grid, block, shared_bytes, stream>>>(arguments …). Throws ERR_DEVICE, naming the kernel, when it cannot
/// start.
template <class... Parameters, class... Arguments>
void launch(const char* name, void (*kernel)(Parameters...), dim3 grid, dim3 block, std::size_t shared_bytes,
            const Stream& stream, Arguments... arguments) {
  const ObservedLaunch observed(name, stream);
#if defined(__CUDACC__)
  constexpr std::size_t without_asking = 48 << 10;
  // The same number from every thread: a smaller one would take away what another thread has just asked for.
  if (shared_bytes > without_asking)
    check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, most_shared_bytes()), name);
#endif
  // What failed before on this thread, on another device maybe, was told by its own status and is not this launch's.
  static_cast<void>(cudaGetLastError());
#if defined(__CUDACC__)
  kernel<<<grid, block, shared_bytes, stream.get()>>>(arguments...);
#else
  simt::launch(name, grid, block, shared_bytes, stream.get(), [=] { kernel(arguments...); });
#endif
  check(cudaGetLastError(), name);
}

}  // namespace deepzero::cuda
