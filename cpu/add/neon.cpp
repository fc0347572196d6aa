// Sum of two tensors, NEON.
#include "cpu/simd/neon.h"

#include "cpu/add/simd.h"

namespace deepzero::cpu {

const AddKernels add_neon = {forward};

}  // namespace deepzero::cpu
