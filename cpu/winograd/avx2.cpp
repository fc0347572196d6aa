// Winograd convolution F(4×4, 3×3), AVX2.
#include "cpu/simd/avx2.h"

#include "cpu/winograd/simd.h"

namespace deepzero::cpu {

const WinogradKernels winograd_avx2 = {images<1, 12>,     pays, packed_floats, pack<12, 12>, scratch_floats<12, 1, 12>,
                                       forward<12, 1, 12>};

}  // namespace deepzero::cpu
