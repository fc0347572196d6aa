// Sum of two tensors, AVX2.
#include "cpu/simd/avx2.h"

#include "cpu/add/simd.h"

namespace deepzero::cpu {

const AddKernels add_avx2 = {forward};

}  // namespace deepzero::cpu
