// The kernel table of an instruction set; every platform has the scalar one.
#include "cpu/bfloat16/kernel.h"

namespace deepzero::cpu {

const Bfloat16Kernels& bfloat16_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return bfloat16_avx512;
  if (isa == Isa::avx2) return bfloat16_avx2;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return bfloat16_neon;
#endif
  return bfloat16_scalar;
}

}  // namespace deepzero::cpu
