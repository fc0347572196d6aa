// The kernel table of an instruction set: the scalar one so far.
#include "cpu/add/kernel.h"

namespace deepzero::cpu {

const AddKernels& add_kernels([[maybe_unused]] Isa isa) {
  return add_scalar;
}

}  // namespace deepzero::cpu
