// The kernel table of an instruction set: the scalar one so far.
#include "cpu/linear/kernel.h"

namespace deepzero::cpu {

const LinearKernels& linear_kernels([[maybe_unused]] Isa isa) {
  return linear_scalar;
}

}  // namespace deepzero::cpu
