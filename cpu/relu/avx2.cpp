// ReLU, AVX2.
#include "cpu/simd/avx2.h"

#include "cpu/relu/simd.h"

namespace deepzero::cpu {

const ReluKernels relu_avx2 = {forward, difference};

}  // namespace deepzero::cpu
