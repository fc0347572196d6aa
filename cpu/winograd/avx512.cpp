// Winograd convolution F(4×4, 3×3), AVX-512.
#include "cpu/simd/avx512.h"

#include "cpu/winograd/simd.h"

namespace deepzero::cpu {

const WinogradKernels winograd_avx512 = {
    images<2, 24>, pays, packed_floats, pack<12, 24>, scratch_floats<12, 2, 24>, forward<12, 2, 24>};

}  // namespace deepzero::cpu
