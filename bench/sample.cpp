#include "bench/sample.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "engine/error.h"
#include "engine/random/philox.h"

namespace deepzero::bench {
namespace {

bool sparsified(const Network& network, const ParameterInfo& p) {
  const std::string& kind = network.op(p.op).kind();
  return p.role == 0 && (kind == "conv2d" || kind == "linear");
}

std::size_t kept(const Network& network, const ParameterInfo& p, double sparsity) {
  if (!sparsified(network, p)) return p.size;
  const auto count = static_cast<std::size_t>(std::llround((1 - sparsity) * static_cast<double>(p.size)));
  return std::clamp<std::size_t>(count, 1, p.size);
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

std::vector<std::uint32_t> sample_parameter(const Network& network, std::size_t parameter, double sparsity,
                                            std::size_t count, std::uint64_t seed) {
  const ParameterInfo& p = network.parameters()[parameter];
  const auto stream = static_cast<std::uint32_t>(parameter);
  const RandomKey elements{seed, static_cast<std::uint32_t>(Purpose::coordinates), stream};
  const RandomKey channels{seed + 1, static_cast<std::uint32_t>(Purpose::coordinates), stream};
  std::vector<std::uint32_t> drawn = shuffled(p.size, elements);
  drawn.resize(kept(network, p, sparsity));
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

Sample sample_step(const Network& network, double sparsity, std::size_t count, std::uint64_t seed) {
  if (!(sparsity >= 0 && sparsity < 1)) {
    throw Error("ERR_INVALID_ARGUMENT", "sparsity: expected a number in [0, 1), received " + std::to_string(sparsity));
  }
  Sample sample;
  for (const ParameterInfo& p : network.parameters()) sample.of += kept(network, p, sparsity);
  if (count == 0) count = sample.of;
  const double share = std::min(1.0, static_cast<double>(count) / static_cast<double>(sample.of));
  // Parameter by parameter, the rounded running total gives each its part and all together `count`.
  double total = 0;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < network.parameters().size(); ++i) {
    total += share * static_cast<double>(kept(network, network.parameters()[i], sparsity));
    const auto upto = static_cast<std::size_t>(std::llround(total));
    if (upto == taken) continue;
    const auto part = sample_parameter(network, i, sparsity, upto - taken, seed);
    sample.coordinates.insert(sample.coordinates.end(), part.begin(), part.end());
    taken = upto;
  }
  return sample;
}

}  // namespace deepzero::bench
