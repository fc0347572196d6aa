// The kernel table of an instruction set; every platform has the scalar one.
#include "cpu/batch_norm/kernel.h"

namespace deepzero::cpu {

const BatchNormKernels& batch_norm_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return batch_norm_avx512;
  if (isa == Isa::avx2) return batch_norm_avx2;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return batch_norm_neon;
#endif
  return batch_norm_scalar;
}

}  // namespace deepzero::cpu
