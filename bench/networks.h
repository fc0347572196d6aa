// Networks by name with weights from a seed, so that the harness runs without Node and without a model file:
// resnet20, 32, 44, 56, 110 (CIFAR, option A), resnet8 (one block a stage, widths 8, 16, 32) and cnn-DEPTHxCHANNELS
// (conv 3×3 with bias, batch norm, ReLU, 2×2 max-pool, DEPTH times; global average pool; linear). 3×32×32 images, 10
// classes, PyTorch's names.
#pragma once

#include <cstdint>
#include <string>

#include "bench/model_file.h"

namespace deepzero::bench {

/// Throws ERR_INVALID_ARGUMENT for an unknown name.
NetworkSpec network_spec(const std::string& name);

/// Kaiming-normal conv and linear weights (standard deviation √(2/fan-in)), batch-norm weights 1, all biases 0.
Model initial_model(const NetworkSpec& spec, std::uint64_t seed);

}  // namespace deepzero::bench
