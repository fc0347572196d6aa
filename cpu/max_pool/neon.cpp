// Max-pooling of a plane, NEON.
#include "cpu/simd/neon.h"

#include "cpu/max_pool/simd.h"

namespace deepzero::cpu {

const MaxPoolKernels max_pool_neon = {forward, difference};

}  // namespace deepzero::cpu
