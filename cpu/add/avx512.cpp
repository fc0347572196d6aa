// Sum of two tensors, AVX-512.
#include "cpu/simd/avx512.h"

#include "cpu/add/simd.h"

namespace deepzero::cpu {

const AddKernels add_avx512 = {forward};

}  // namespace deepzero::cpu
