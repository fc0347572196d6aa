// Linear layer on one image, NEON.
#include "cpu/simd/neon.h"

#include "cpu/linear/simd.h"

namespace deepzero::cpu {

const LinearKernels linear_neon = {forward};

}  // namespace deepzero::cpu
