// Average pooling of a plane, AVX2.
#include "cpu/simd/avx2.h"

#include "cpu/avg_pool/simd.h"

namespace deepzero::cpu {

const AvgPoolKernels avg_pool_avx2 = {forward};

}  // namespace deepzero::cpu
