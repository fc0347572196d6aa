// ReLU, NEON.
#include "cpu/simd/neon.h"

#include "cpu/relu/simd.h"

namespace deepzero::cpu {

const ReluKernels relu_neon = {forward, difference};

}  // namespace deepzero::cpu
