// The kernel table of an instruction set, the best first; elsewhere than on x86-64 only the scalar one exists.
#include "cpu/leaky_relu/kernel.h"

namespace deepzero::cpu {

const LeakyReluKernels& leaky_relu_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return leaky_relu_avx512;
  if (isa == Isa::avx2) return leaky_relu_avx2;
#endif
  return leaky_relu_scalar;
}

}  // namespace deepzero::cpu
