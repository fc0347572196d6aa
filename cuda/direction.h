// What a direction moves, prepared on the device.
#pragma once

#include "cuda/stream.h"

namespace deepzero::cuda {

/// u = sign·u and moved = float32(θ + μ·u), for all parameters.
void move_parameters(const Stream& stream, const float* parameters, float sign, double mu, int count, float* u,
                     float* moved);

}  // namespace deepzero::cuda
