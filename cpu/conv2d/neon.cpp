// Convolution of one image, NEON. A vector takes two of the 32 registers: tiles of 4×2 vectors are the largest that GCC
// keeps in them.
#include "cpu/simd/neon.h"

#include "cpu/conv2d/simd.h"

namespace deepzero::cpu {

const ConvKernels conv_neon = {
    packed_floats, pack<4, 4>,        scratch_floats, dense<4, 2, 4, 2>, dense_pair<4, 2, 4, 2>, sparse<8>,
    tap_offset,    one_channel<4, 2>, shift};

}  // namespace deepzero::cpu
