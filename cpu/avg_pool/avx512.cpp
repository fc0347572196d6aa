// Average pooling of a plane, AVX-512.
#include "cpu/simd/avx512.h"

#include "cpu/avg_pool/simd.h"

namespace deepzero::cpu {

const AvgPoolKernels avg_pool_avx512 = {forward};

}  // namespace deepzero::cpu
