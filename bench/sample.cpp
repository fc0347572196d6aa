#include "bench/sample.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <string>

#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/random/philox.h"

namespace deepzero::bench {
namespace {

bool sparsified(const Network& network, const ParameterInfo& p) {
  const std::string& kind = network.op(p.op).kind();
  return p.role == 0 && (kind == "conv2d" || kind == "linear");
}

[[noreturn]] void bad_ratios(const std::string& path, const std::string& what) {
  throw Error("ERR_MODEL", path + ": " + what);
}

/// A shuffled 0 … size − 1 (Fisher-Yates).
std::vector<std::uint32_t> shuffled(std::size_t size, const RandomKey& key) {
  std::vector<std::uint32_t> order(size), words(size);
  std::iota(order.begin(), order.end(), 0u);
  random_words(key, 0, words);
  for (std::size_t i = size; i > 1; --i) {
    std::swap(order[i - 1], order[(static_cast<std::uint64_t>(words[i - 1]) * i) >> 32]);
  }
  return order;
}

}  // namespace

std::vector<std::size_t> kept_uniformly(const Network& network, double sparsity) {
  if (!(sparsity >= 0 && sparsity < 1)) {
    throw Error("ERR_INVALID_ARGUMENT", "sparsity: expected a number in [0, 1), received " + std::to_string(sparsity));
  }
  std::vector<std::size_t> kept;
  for (const ParameterInfo& p : network.parameters()) {
    const auto share = static_cast<std::size_t>(std::llround((1 - sparsity) * static_cast<double>(p.size)));
    kept.push_back(sparsified(network, p) ? std::clamp<std::size_t>(share, 1, p.size) : p.size);
  }
  return kept;
}

std::vector<std::size_t> kept_by_ratios(const Network& network, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Error("ERR_FILE", path + ": cannot be read");
  const auto json = nlohmann::json::parse(file, nullptr, false);
  if (!json.is_object() || json.value("format", nlohmann::json()) != "deepzero-ratios/1")
    bad_ratios(path, "expected JSON of format deepzero-ratios/1");
  const auto layers = json.value("layers", nlohmann::json::object());
  std::vector<std::size_t> kept;
  for (const ParameterInfo& p : network.parameters()) {
    kept.push_back(p.size);
    if (!sparsified(network, p)) continue;
    const auto layer = layers.value(p.name, nlohmann::json::object());
    const auto keep = layer.value("keep", nlohmann::json()), of = layer.value("of", nlohmann::json());
    if (!keep.is_number_unsigned() || of != p.size || keep < 1 || keep > p.size)
      bad_ratios(path, "expected " + p.name + " with keep from 1 to " + std::to_string(p.size) + " of " +
                           std::to_string(p.size) + ", received " + layer.dump());
    kept.back() = keep.get<std::size_t>();
  }
  return kept;
}

std::vector<std::uint32_t> sample_parameter(const Network& network, std::size_t parameter, std::size_t kept,
                                            std::size_t count, std::uint64_t seed) {
  const ParameterInfo& p = network.parameters()[parameter];
  const auto stream = static_cast<std::uint32_t>(parameter);
  const RandomKey elements{seed, static_cast<std::uint32_t>(Purpose::coordinates), stream};
  const RandomKey channels{seed + 1, static_cast<std::uint32_t>(Purpose::coordinates), stream};
  std::vector<std::uint32_t> drawn = shuffled(p.size, elements);
  drawn.resize(kept);
  const std::vector<std::uint32_t> order = shuffled(static_cast<std::size_t>(p.channels()), channels);
  std::vector<std::uint32_t> place(order.size());
  for (std::uint32_t i = 0; i < order.size(); ++i) place[order[i]] = i;
  const auto channel = [&](std::uint32_t element) { return place[element / p.inner()]; };
  std::sort(drawn.begin(), drawn.end(), [&](std::uint32_t a, std::uint32_t b) {
    return channel(a) != channel(b) ? channel(a) < channel(b) : a < b;
  });
  if (count < drawn.size()) drawn.resize(count);
  for (std::uint32_t& element : drawn) element += static_cast<std::uint32_t>(p.offset);
  return drawn;
}

Sample sample_step(const Network& network, std::span<const std::size_t> kept, std::size_t count, std::uint64_t seed) {
  Sample sample;
  sample.of = std::accumulate(kept.begin(), kept.end(), std::size_t{0});
  if (count == 0) count = sample.of;
  const double share = std::min(1.0, static_cast<double>(count) / static_cast<double>(sample.of));
  // Parameter by parameter, the rounded running total gives each its part and all together `count`.
  double total = 0;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < network.parameters().size(); ++i) {
    total += share * static_cast<double>(kept[i]);
    const auto upto = static_cast<std::size_t>(std::llround(total));
    if (upto == taken) continue;
    const auto part = sample_parameter(network, i, kept[i], upto - taken, seed);
    sample.coordinates.insert(sample.coordinates.end(), part.begin(), part.end());
    taken = upto;
  }
  return sample;
}

}  // namespace deepzero::bench
