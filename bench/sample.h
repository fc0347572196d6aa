// Which coordinates a training step would query, and a sample of them to time: sparsity with uniform layer ratios
// (each conv and linear weight keeps the same share, drawn at random; batch-norm parameters and biases are all kept).
#pragma once

#include <cstdint>
#include <vector>

#include "engine/network.h"

namespace deepzero::bench {

struct Sample {
  /// Flat parameter indices, parameter by parameter.
  std::vector<std::uint32_t> coordinates;
  /// How many a whole step would query.
  std::size_t of = 0;
};

/// At most `count` coordinates of the step's (0: all), in proportion to what each parameter keeps. Within a parameter
/// whole output channels are taken, so that channels are as full as in the whole step. Throws ERR_INVALID_ARGUMENT for
/// a sparsity outside [0, 1).
Sample sample_step(const Network& network, double sparsity, std::size_t count, std::uint64_t seed);

/// At most `count` of those of one parameter, whole channels first.
std::vector<std::uint32_t> sample_parameter(const Network& network, std::size_t parameter, double sparsity,
                                            std::size_t count, std::uint64_t seed);

}  // namespace deepzero::bench
