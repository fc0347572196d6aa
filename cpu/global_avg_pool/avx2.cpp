// Mean of a plane, AVX2.
#include "cpu/simd/avx2.h"

#include "cpu/global_avg_pool/simd.h"

namespace deepzero::cpu {

const GlobalAvgPoolKernels global_avg_pool_avx2 = {mean};

}  // namespace deepzero::cpu
