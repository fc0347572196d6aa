// bfloat16, AVX-512.
#include "cpu/simd/avx512.h"

#include "cpu/bfloat16/simd.h"

namespace deepzero::cpu {

const Bfloat16Kernels bfloat16_avx512 = {narrow, widen};

}  // namespace deepzero::cpu
