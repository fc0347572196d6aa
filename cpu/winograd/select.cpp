// The kernel table of an instruction set, the best first; elsewhere than on x86-64 only the scalar one exists.
#include "cpu/winograd/kernel.h"

namespace deepzero::cpu {

const WinogradKernels& winograd_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return winograd_avx512;
  if (isa == Isa::avx2) return winograd_avx2;
#endif
  return winograd_scalar;
}

}  // namespace deepzero::cpu
