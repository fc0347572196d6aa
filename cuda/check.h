// Failed calls of the CUDA runtime become the engine's errors.
#pragma once

#include <cuda_runtime.h>

namespace deepzero::cuda {

/// Throws ERR_OUT_OF_MEMORY when the device has no more memory, else ERR_DEVICE; `what` names the call or the kernel.
void check(cudaError_t status, const char* what);

}  // namespace deepzero::cuda
