// The kernel table of an instruction set: the scalar one so far.
#include "cpu/conv2d/kernel.h"

namespace deepzero::cpu {

const ConvKernels& conv_kernels([[maybe_unused]] Isa isa) {
  return conv_scalar;
}

}  // namespace deepzero::cpu
