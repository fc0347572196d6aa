// Batch norm on a plane, NEON.
#include "cpu/simd/neon.h"

#include "cpu/batch_norm/simd.h"

namespace deepzero::cpu {

const BatchNormKernels batch_norm_neon = {moments, forward, affine, sums, difference};

}  // namespace deepzero::cpu
