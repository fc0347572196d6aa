// The kernel table of an instruction set: the scalar one so far.
#include "cpu/batch_norm/kernel.h"

namespace deepzero::cpu {

const BatchNormKernels& batch_norm_kernels([[maybe_unused]] Isa isa) {
  return batch_norm_scalar;
}

}  // namespace deepzero::cpu
