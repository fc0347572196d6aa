// Winograd convolution F(4×4, 3×3), AVX2.
#include "cpu/simd/avx2.h"

#include "cpu/winograd/simd.h"

namespace deepzero::cpu {

const WinogradKernels winograd_avx2 = {images, pays, packed_floats, pack<12>, scratch_floats, forward<12>};

}  // namespace deepzero::cpu
