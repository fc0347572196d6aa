// Sigmoid and tanh, AVX-512.
#include "cpu/simd/avx512.h"

#include "cpu/sigmoid/simd.h"

namespace deepzero::cpu {

const SigmoidKernels sigmoid_avx512 = {sigmoid, tanh, sigmoid_difference, tanh_difference};

}  // namespace deepzero::cpu
