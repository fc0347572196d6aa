// Leaky ReLU, AVX2.
#include "cpu/simd/avx2.h"

#include "cpu/leaky_relu/simd.h"

namespace deepzero::cpu {

const LeakyReluKernels leaky_relu_avx2 = {forward, difference};

}  // namespace deepzero::cpu
