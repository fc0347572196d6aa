// The kernel table of an instruction set, the best first; elsewhere than on x86-64 only the scalar one exists.
#include "cpu/conv2d/kernel.h"

namespace deepzero::cpu {

const ConvKernels& conv_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return conv_avx512;
  if (isa == Isa::avx2) return conv_avx2;
#endif
  return conv_scalar;
}

}  // namespace deepzero::cpu
