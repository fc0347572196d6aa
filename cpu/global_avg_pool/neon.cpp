// Mean of a plane, NEON.
#include "cpu/simd/neon.h"

#include "cpu/global_avg_pool/simd.h"

namespace deepzero::cpu {

const GlobalAvgPoolKernels global_avg_pool_neon = {mean};

}  // namespace deepzero::cpu
