// The kernel table of an instruction set; every platform has the scalar one.
#include "cpu/winograd/kernel.h"

namespace deepzero::cpu {

const WinogradKernels& winograd_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return winograd_avx512;
  if (isa == Isa::avx2) return winograd_avx2;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return winograd_neon;
#endif
  return winograd_scalar;
}

}  // namespace deepzero::cpu
