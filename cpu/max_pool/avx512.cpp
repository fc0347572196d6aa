// Max-pooling of a plane, AVX-512.
#include "cpu/simd/avx512.h"

#include "cpu/max_pool/simd.h"

namespace deepzero::cpu {

const MaxPoolKernels max_pool_avx512 = {forward, difference};

}  // namespace deepzero::cpu
