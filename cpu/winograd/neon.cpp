// Winograd convolution F(4×4, 3×3), NEON.
#include "cpu/simd/neon.h"

#include "cpu/winograd/simd.h"

namespace deepzero::cpu {

const WinogradKernels winograd_neon = {images, pays, packed_floats, pack<10>, scratch_floats, forward<10>};

}  // namespace deepzero::cpu
