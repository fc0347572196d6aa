// Leaky ReLU, NEON.
#include "cpu/simd/neon.h"

#include "cpu/leaky_relu/simd.h"

namespace deepzero::cpu {

const LeakyReluKernels leaky_relu_neon = {forward, difference};

}  // namespace deepzero::cpu
