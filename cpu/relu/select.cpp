// The kernel table of an instruction set: the scalar one so far.
#include "cpu/relu/kernel.h"

namespace deepzero::cpu {

const ReluKernels& relu_kernels([[maybe_unused]] Isa isa) {
  return relu_scalar;
}

}  // namespace deepzero::cpu
