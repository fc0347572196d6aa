// The backend that the options name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/options.h"
#include "engine/backend.h"
#include "engine/spec.h"

namespace deepzero::bench {

/// `network` is what `spec` compiles to.
std::unique_ptr<Backend> chosen_backend(const Options& options, const NetworkSpec& spec,
                                        std::shared_ptr<const Network> network);

/// Names of the CUDA devices in use; none on the CPU.
std::vector<std::string> chosen_devices(const Options& options);

}  // namespace deepzero::bench
