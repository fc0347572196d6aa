// Convolution of one image, AVX-512.
#include "cpu/simd/avx512.h"

#include "cpu/conv2d/simd.h"

namespace deepzero::cpu {

const ConvKernels conv_avx512 = {
    packed_floats, pack<8, 14>,       scratch_floats, dense<8, 3, 14, 2>, dense_pair<8, 3, 14, 2>, sparse<8>,
    tap_offset,    one_channel<4, 4>, shift};

}  // namespace deepzero::cpu
