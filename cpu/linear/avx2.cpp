// Linear layer on one image, AVX2.
#include "cpu/simd/avx2.h"

#include "cpu/linear/simd.h"

namespace deepzero::cpu {

const LinearKernels linear_avx2 = {forward};

}  // namespace deepzero::cpu
