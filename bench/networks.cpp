#include "bench/networks.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>

#include "bench/embedded_networks.h"
#include "engine/error.h"
#include "engine/random/philox.h"

namespace deepzero::bench {
namespace {

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("ERR_FILE", path + ": cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

std::vector<std::string> network_names() {
  std::vector<std::string> names;
  for (const EmbeddedNetwork& network : embedded_networks()) names.emplace_back(network.name);
  std::sort(names.begin(), names.end());
  return names;
}

NetworkSpec network_spec(const std::string& name) {
  for (const EmbeddedNetwork& network : embedded_networks())
    if (network.name == name) return parse_network(std::string(network.json));
  std::string known;
  for (const std::string& one : network_names()) known += (known.empty() ? "" : ", ") + one;
  throw Error("ERR_INVALID_ARGUMENT", "network: expected " + known + ", received " + name +
                                          "; other networks come as a file, NAME.json or NAME.safetensors");
}

Model initial_model(const NetworkSpec& spec, std::uint64_t seed) {
  const Network network(spec);
  Model model{spec, std::vector<float>(network.parameter_count()), std::vector<float>(network.buffer_count())};
  for (std::size_t index = 0; index < network.parameters().size(); ++index) {
    const ParameterInfo& p = network.parameters()[index];
    const std::span<float> values = std::span(model.parameters).subspan(p.offset, p.size);
    if (p.role != 0) continue;  // biases stay 0
    if (network.op(p.op).kind() == "batchNorm2d") {
      std::fill(values.begin(), values.end(), 1.0f);
      continue;
    }
    random_normal({seed, static_cast<std::uint32_t>(Purpose::initialisation), static_cast<std::uint32_t>(index)}, 0,
                  values);
    // In float64, rounded once, as in TypeScript: the two give the same bits.
    const double deviation = std::sqrt(2.0 / static_cast<double>(p.inner()));
    for (float& value : values) value = static_cast<float>(static_cast<double>(value) * deviation);
  }
  for (const BufferInfo& buffer : network.buffers()) {
    std::fill_n(model.buffers.begin() + static_cast<std::ptrdiff_t>(buffer.offset), buffer.size,
                static_cast<float>(buffer.initial));
  }
  return model;
}

Model named_model(const std::string& network, std::uint64_t seed) {
  if (network.ends_with(".json")) return initial_model(parse_network(text_of(network)), seed);
  if (network.ends_with(".safetensors") || network.find('/') != std::string::npos) return read_model(network);
  return initial_model(network_spec(network), seed);
}

}  // namespace deepzero::bench
