// The kernel table of an instruction set, the best first; elsewhere than on x86-64 only the scalar one exists.
#include "cpu/avg_pool/kernel.h"

namespace deepzero::cpu {

const AvgPoolKernels& avg_pool_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return avg_pool_avx512;
  if (isa == Isa::avx2) return avg_pool_avx2;
#endif
  return avg_pool_scalar;
}

}  // namespace deepzero::cpu
