// The kernel table of an instruction set; every platform has the scalar one.
#include "cpu/leaky_relu/kernel.h"

namespace deepzero::cpu {

const LeakyReluKernels& leaky_relu_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return leaky_relu_avx512;
  if (isa == Isa::avx2) return leaky_relu_avx2;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return leaky_relu_neon;
#endif
  return leaky_relu_scalar;
}

}  // namespace deepzero::cpu
