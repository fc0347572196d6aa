// bfloat16, AVX2.
#include "cpu/simd/avx2.h"

#include "cpu/bfloat16/simd.h"

namespace deepzero::cpu {

const Bfloat16Kernels bfloat16_avx2 = {narrow, widen};

}  // namespace deepzero::cpu
