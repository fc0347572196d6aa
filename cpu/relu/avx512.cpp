// ReLU, AVX-512.
#include "cpu/simd/avx512.h"

#include "cpu/relu/simd.h"

namespace deepzero::cpu {

const ReluKernels relu_avx512 = {forward, difference};

}  // namespace deepzero::cpu
