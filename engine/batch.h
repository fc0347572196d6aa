// What a network is fed with.
#pragma once

#include <cstdint>

namespace deepzero {

/// Input [N][C][H][W], and what the loss compares the outputs with, or null: labels [N] for cross-entropy, targets
/// [N][K] for the mean squared error.
struct Batch {
  const float* input = nullptr;
  const std::int32_t* labels = nullptr;
  int count = 0;
  const float* targets = nullptr;
};

}  // namespace deepzero
