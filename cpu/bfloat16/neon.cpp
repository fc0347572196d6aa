// bfloat16, NEON.
#include "cpu/simd/neon.h"

#include "cpu/bfloat16/simd.h"

namespace deepzero::cpu {

const Bfloat16Kernels bfloat16_neon = {narrow, widen};

}  // namespace deepzero::cpu
