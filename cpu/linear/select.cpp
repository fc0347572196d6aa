// The kernel table of an instruction set; every platform has the scalar one.
#include "cpu/linear/kernel.h"

namespace deepzero::cpu {

const LinearKernels& linear_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return linear_avx512;
  if (isa == Isa::avx2) return linear_avx2;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return linear_neon;
#endif
  return linear_scalar;
}

}  // namespace deepzero::cpu
