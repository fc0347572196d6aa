// Linear layer on one image, AVX-512.
#include "cpu/simd/avx512.h"

#include "cpu/linear/simd.h"

namespace deepzero::cpu {

const LinearKernels linear_avx512 = {forward};

}  // namespace deepzero::cpu
