// The backend of a library, as the engine knows backends.
#pragma once

#include <memory>
#include <vector>

#include "cuda/client/library.h"
#include "engine/backend.h"
#include "engine/precision.h"
#include "engine/spec.h"

namespace deepzero::cuda {

struct ClientOptions {
  std::vector<int> devices;  ///< ordinals; empty: all usable ones
  int streams = 0;           ///< per device; 0: the backend's own
  std::size_t memory = 0;    ///< bytes per device; 0: the backend's own
  Precision precision = Precision::f32;
};

/// `network` is what `spec` compiles to. Throws ERR_DEVICE with the library's reason when it cannot be used, and what
/// cuda/backend.h throws.
std::unique_ptr<Backend> make_client(const Library& library, const NetworkSpec& spec,
                                     std::shared_ptr<const Network> network, const ClientOptions& options);

}  // namespace deepzero::cuda
