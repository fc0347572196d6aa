// Failed calls of the CUDA runtime become the engine's errors.
#pragma once

#include <cuda_runtime.h>

namespace deepzero::cuda {

/// Throws ERR_OUT_OF_MEMORY when the device has no more memory, else ERR_DEVICE; `what` names the call or the kernel.
void check(cudaError_t status, const char* what);

/// Throws ERR_INTERNAL when a kernel is to be launched on a shape that it was not written for, which it would compute
/// something wrong from without a word.
void require_shape(bool fits, const char* kernel);

}  // namespace deepzero::cuda
