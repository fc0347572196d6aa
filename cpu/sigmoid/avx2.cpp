// Sigmoid and tanh, AVX2.
#include "cpu/simd/avx2.h"

#include "cpu/sigmoid/simd.h"

namespace deepzero::cpu {

const SigmoidKernels sigmoid_avx2 = {sigmoid, tanh, sigmoid_difference, tanh_difference};

}  // namespace deepzero::cpu
