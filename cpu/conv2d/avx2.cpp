// Convolution of one image, AVX2.
#include "cpu/simd/avx2.h"

#include "cpu/conv2d/simd.h"

namespace deepzero::cpu {

const ConvKernels conv_avx2 = {
    packed_floats, pack<6, 6>,        scratch_floats, dense<6, 2, 6, 2>, dense_pair<6, 2, 6, 2>, sparse<8>,
    tap_offset,    one_channel<4, 3>, shift};

}  // namespace deepzero::cpu
