// The kernel table of an instruction set: the scalar one so far.
#include "cpu/max_pool/kernel.h"

namespace deepzero::cpu {

const MaxPoolKernels& max_pool_kernels([[maybe_unused]] Isa isa) {
  return max_pool_scalar;
}

}  // namespace deepzero::cpu
