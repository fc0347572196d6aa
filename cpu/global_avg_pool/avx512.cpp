// Mean of a plane, AVX-512.
#include "cpu/simd/avx512.h"

#include "cpu/global_avg_pool/simd.h"

namespace deepzero::cpu {

const GlobalAvgPoolKernels global_avg_pool_avx512 = {mean};

}  // namespace deepzero::cpu
