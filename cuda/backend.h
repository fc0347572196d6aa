// The CUDA backend: blocks of queries on the lanes of one or more devices. Every lane is a stream with a workspace of
// its own; a device's lanes share its weights and base features.
#pragma once

#include <memory>
#include <vector>

#include "cuda/api.h"
#include "engine/backend.h"
#include "engine/precision.h"

namespace deepzero::cuda {

struct Options {
  std::vector<int> devices;     ///< CUDA ordinals; empty: all usable ones. One may come twice: logical devices
  int streams = api::kStreams;  ///< lanes per device
  std::size_t memory = 0;       ///< bytes per device for everything; 0: 80 % of what is free
  /// f16 rounds a query's differences where tensor cores read them; sums are float32 in either case, and so is
  /// everything else: base pass, directions, the other ops. There is no bf16.
  Precision precision = Precision::f32;
};

/// Throws ERR_INVALID_ARGUMENT for bf16, ERR_DEVICE for a device that is not there, ERR_OUT_OF_MEMORY where the weights
/// do not fit.
std::unique_ptr<Backend> make_backend(std::shared_ptr<const Network> network, const Options& options);

}  // namespace deepzero::cuda
