// Winograd convolution F(4×4, 3×3), AVX-512.
#include "cpu/simd/avx512.h"

#include "cpu/winograd/simd.h"

namespace deepzero::cpu {

const WinogradKernels winograd_avx512 = {images, pays, packed_floats, pack<24>, scratch_floats, forward<24>};

}  // namespace deepzero::cpu
