#include "cuda/check.h"

#include <string>

#include "engine/error.h"

namespace deepzero::cuda {

void check(cudaError_t status, const char* what) {
  if (status == cudaSuccess) return;
  const std::string text = std::string(what) + ": " + cudaGetErrorString(status);
  if (status == cudaErrorMemoryAllocation)
    throw Error("ERR_OUT_OF_MEMORY", "the CUDA device has no more memory (" + text +
                                         "); use a smaller batch or a smaller `memory` setting, or end other programs "
                                         "that use the device");
  throw Error("ERR_DEVICE", "the CUDA device failed (" + text + ")");
}

void require_shape(bool fits, const char* kernel) {
  if (!fits) throw Error("ERR_INTERNAL", std::string("the CUDA kernel ") + kernel + " does not take this shape");
}

}  // namespace deepzero::cuda
