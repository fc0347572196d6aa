// Which coordinates a training step would query, and a sample of them to time: a sparsity with uniform layer ratios, or
// the ratios of a file. Within a conv or linear weight they are drawn at random; batch-norm parameters and biases are
// all kept.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/network.h"

namespace deepzero::bench {

struct Sample {
  /// Flat parameter indices, parameter by parameter.
  std::vector<std::uint32_t> coordinates;
  /// How many a whole step would query.
  std::size_t of = 0;
};

/// How many elements of each parameter a step queries: the same share of each layer's weight. Throws
/// ERR_INVALID_ARGUMENT for a sparsity outside [0, 1).
std::vector<std::size_t> kept_uniformly(const Network& network, double sparsity);

/// The same as a `deepzero-ratios/1` file says. Throws ERR_FILE, or ERR_MODEL when it is no such file or one of
/// another network.
std::vector<std::size_t> kept_by_ratios(const Network& network, const std::string& path);

/// At most `count` coordinates of the step's (0: all), in proportion to what each parameter keeps. Within a parameter
/// whole output channels are taken, so that channels are as full as in the whole step.
Sample sample_step(const Network& network, std::span<const std::size_t> kept, std::size_t count, std::uint64_t seed);

/// At most `count` of those of one parameter, whole channels first.
std::vector<std::uint32_t> sample_parameter(const Network& network, std::size_t parameter, std::size_t kept,
                                            std::size_t count, std::uint64_t seed);

}  // namespace deepzero::bench
