// Sigmoid and tanh, NEON.
#include "cpu/simd/neon.h"

#include "cpu/sigmoid/simd.h"

namespace deepzero::cpu {

const SigmoidKernels sigmoid_neon = {sigmoid, tanh, sigmoid_difference, tanh_difference};

}  // namespace deepzero::cpu
