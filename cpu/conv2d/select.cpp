// The kernel table of an instruction set; every platform has the scalar one.
#include "cpu/conv2d/kernel.h"

namespace deepzero::cpu {

const ConvKernels& conv_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return conv_avx512;
  if (isa == Isa::avx2) return conv_avx2;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return conv_neon;
#endif
  return conv_scalar;
}

}  // namespace deepzero::cpu
