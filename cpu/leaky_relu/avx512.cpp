// Leaky ReLU, AVX-512.
#include "cpu/simd/avx512.h"

#include "cpu/leaky_relu/simd.h"

namespace deepzero::cpu {

const LeakyReluKernels leaky_relu_avx512 = {forward, difference};

}  // namespace deepzero::cpu
