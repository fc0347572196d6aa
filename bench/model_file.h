// Model files: `deepzero-network/1` safetensors, as lib/ writes and reads them. Tensors carry PyTorch's names; the
// metadata key `network` holds the network as JSON:
//   {"format": "deepzero-network/1", "name", "input": [C, H, W], "ops": [{"op", "name", "inputs", …attributes}],
//    "loss": "crossEntropy"}
#pragma once

#include <string>
#include <vector>

#include "bench/safetensors.h"
#include "engine/network.h"
#include "engine/spec.h"

namespace deepzero {

/// A network and its weights: flat vectors in the order of Network::parameters() and Network::buffers().
struct Model {
  NetworkSpec spec;
  std::vector<float> parameters;
  std::vector<float> buffers;
};

/// The `network` JSON as a spec. Throws ERR_NETWORK for another format, a missing or unknown key, or an attribute
/// that is neither flag, number, word nor list of numbers. Whether the ops exist and fit is Network's to check.
NetworkSpec parse_network(const std::string& json);
/// The inverse of parse_network.
std::string network_json(const NetworkSpec& spec);

/// Throws ERR_INVALID_ARGUMENT (safetensors.h), or for a file without the key `network`; ERR_NETWORK and ERR_SHAPE
/// for a network that does not compile; ERR_INVALID_ARGUMENT when a tensor is missing, unknown or of another shape.
Model read_model(const std::string& path);
/// Weights of a file without a `network` key (PyTorch's own, say) for a network that is known.
Model model_of(const SafetensorsFile& file, const NetworkSpec& spec);
/// Throws ERR_INVALID_ARGUMENT when the vectors do not fit the network or the file cannot be written.
void write_model(const std::string& path, const Model& model);

}  // namespace deepzero
