// Average pooling of a plane, NEON.
#include "cpu/simd/neon.h"

#include "cpu/avg_pool/simd.h"

namespace deepzero::cpu {

const AvgPoolKernels avg_pool_neon = {forward};

}  // namespace deepzero::cpu
