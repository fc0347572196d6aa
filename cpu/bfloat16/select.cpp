// The kernel table of an instruction set, the best first; elsewhere than on x86-64 only the scalar one exists.
#include "cpu/bfloat16/kernel.h"

namespace deepzero::cpu {

const Bfloat16Kernels& bfloat16_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return bfloat16_avx512;
  if (isa == Isa::avx2) return bfloat16_avx2;
#endif
  return bfloat16_scalar;
}

}  // namespace deepzero::cpu
