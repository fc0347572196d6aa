// Batch norm on a plane, AVX2.
#include "cpu/simd/avx2.h"

#include "cpu/batch_norm/simd.h"

namespace deepzero::cpu {

const BatchNormKernels batch_norm_avx2 = {moments, forward, affine, sums, difference};

}  // namespace deepzero::cpu
