// The kernel table of an instruction set; every platform has the scalar one.
#include "cpu/relu/kernel.h"

namespace deepzero::cpu {

const ReluKernels& relu_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return relu_avx512;
  if (isa == Isa::avx2) return relu_avx2;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return relu_neon;
#endif
  return relu_scalar;
}

}  // namespace deepzero::cpu
