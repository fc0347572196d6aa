// The kernel table of an instruction set; every platform has the scalar one.
#include "cpu/add/kernel.h"

namespace deepzero::cpu {

const AddKernels& add_kernels([[maybe_unused]] Isa isa) {
#if defined(__x86_64__)
  if (isa == Isa::avx512) return add_avx512;
  if (isa == Isa::avx2) return add_avx2;
#elif defined(__aarch64__)
  if (isa == Isa::neon) return add_neon;
#endif
  return add_scalar;
}

}  // namespace deepzero::cpu
