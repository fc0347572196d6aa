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
  /// In which differences of queries are stored. f16 and bf16 also round the weights of convolutions on tensor cores.
  /// Arithmetic and sums are float32 in any case, and so are base pass, directions and the network's output.
  Precision precision = Precision::f32;
};

/// Throws ERR_DEVICE for a device that is not there, ERR_OUT_OF_MEMORY where the weights do not fit.
std::unique_ptr<Backend> make_backend(std::shared_ptr<const Network> network, const Options& options);

}  // namespace deepzero::cuda
