// A difference in one channel, written out with the zeros around it.
#pragma once

#include "cuda/op.h"

namespace deepzero::cuda {

/// out[Q][N][C][H][W] of a view in one channel of a value of this shape, in float.
void spread_channel(const Block& block, const View& view, const Shape& shape, float* out);

}  // namespace deepzero::cuda
