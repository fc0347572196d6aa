// Networks by name with weights from a seed, so that the harness runs without Node and without a model file. No name
// means anything here: bench/networks/NAME.json, written by lib/networks (npm run bench:networks), is part of the
// executable.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/model_file.h"

namespace deepzero::bench {

/// What the executable holds, sorted.
std::vector<std::string> network_names();

/// Throws ERR_INVALID_ARGUMENT for an unknown name.
NetworkSpec network_spec(const std::string& name);

/// Kaiming-normal conv and linear weights (standard deviation √(2/fan-in)), batch-norm weights 1, all biases 0; the
/// same bits as of lib/networks/initialise.ts.
Model initial_model(const NetworkSpec& spec, std::uint64_t seed);

/// Of a name, or of a file: initial weights for NAME.json (deepzero-network/1), those of the file for a model file
/// (NAME.safetensors, or any path with a slash). Throws ERR_INVALID_ARGUMENT, ERR_FILE or ERR_NETWORK.
Model named_model(const std::string& network, std::uint64_t seed);

}  // namespace deepzero::bench
