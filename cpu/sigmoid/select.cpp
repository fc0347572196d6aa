// The kernel table of an instruction set; every platform has the scalar one.
#include "cpu/sigmoid/kernel.h"

namespace deepzero::cpu {

const SigmoidKernels& sigmoid_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return sigmoid_avx512;
  if (isa == Isa::avx2) return sigmoid_avx2;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return sigmoid_neon;
#endif
  return sigmoid_scalar;
}

}  // namespace deepzero::cpu
