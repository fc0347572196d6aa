// The kernel table of an instruction set; every platform has the scalar one.
#include "cpu/global_avg_pool/kernel.h"

namespace deepzero::cpu {

const GlobalAvgPoolKernels& global_avg_pool_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return global_avg_pool_avx512;
  if (isa == Isa::avx2) return global_avg_pool_avx2;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return global_avg_pool_neon;
#endif
  return global_avg_pool_scalar;
}

}  // namespace deepzero::cpu
