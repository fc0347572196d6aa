// Max-pooling of a plane, AVX2.
#include "cpu/simd/avx2.h"

#include "cpu/max_pool/simd.h"

namespace deepzero::cpu {

const MaxPoolKernels max_pool_avx2 = {forward, difference};

}  // namespace deepzero::cpu
