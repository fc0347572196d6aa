// Batch norm on a plane, AVX-512.
#include "cpu/simd/avx512.h"

#include "cpu/batch_norm/simd.h"

namespace deepzero::cpu {

const BatchNormKernels batch_norm_avx512 = {moments, forward, affine, sums, difference};

}  // namespace deepzero::cpu
