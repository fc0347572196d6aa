#include "engine/direction.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "engine/error.h"

namespace deepzero {
namespace {

/// u = float32(v/norm); a norm of 0 has only zeros to divide.
void divide(std::span<float> values, double norm) {
  if (norm == 0) return;
  for (float& value : values) value = static_cast<float>(static_cast<double>(value) / norm);
}

std::vector<std::uint32_t> sorted_set(const Network& network, std::span<const std::uint32_t> active) {
  if (active.empty())
    throw Error("ERR_INVALID_ARGUMENT",
                "coordinates: expected at least one to move, received none; leave them out to move all parameters");
  std::vector<std::uint32_t> sorted(active.begin(), active.end());
  std::sort(sorted.begin(), sorted.end());
  if (sorted.back() >= network.parameter_count())
    throw Error("ERR_INVALID_ARGUMENT", "coordinates: expected indices below " +
                                            std::to_string(network.parameter_count()) + ", received " +
                                            std::to_string(sorted.back()));
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end())
    throw Error("ERR_INVALID_ARGUMENT",
                "coordinates: expected each one once, received " + std::to_string(*twice) + " twice");
  return sorted;
}

}  // namespace

Directions::Directions(const Network& network, Distribution distribution, std::uint64_t seed)
    : distribution_(distribution), seed_(seed), moved_(network.parameters().size(), false) {
  for (std::size_t tensor = 0; tensor < moved_.size(); ++tensor)
    add_run(network.parameters()[tensor].offset, network.parameters()[tensor].size, tensor);
}

Directions::Directions(const Network& network, Distribution distribution, std::uint64_t seed,
                       std::span<const std::uint32_t> active)
    : distribution_(distribution), seed_(seed), moved_(network.parameters().size(), false) {
  const std::vector<std::uint32_t> sorted = sorted_set(network, active);
  std::size_t i = 0;
  for (std::size_t tensor = 0; tensor < moved_.size(); ++tensor) {
    const std::size_t end = network.parameters()[tensor].offset + network.parameters()[tensor].size;
    while (i < sorted.size() && sorted[i] < end) {
      const std::size_t first = i++;
      while (i < sorted.size() && sorted[i] < end && sorted[i] == sorted[i - 1] + 1) ++i;
      add_run(sorted[first], i - first, tensor);
    }
  }
}

void Directions::add_run(std::size_t first, std::size_t size, std::size_t tensor) {
  const bool starts_tensor = !moved_[tensor];
  moved_[tensor] = true;
  dimension_ += size;
  if (distribution_ == Distribution::sphere) norms_ = 1;
  if (distribution_ == Distribution::tensor && starts_tensor) ++norms_;
  runs_.push_back({first, size, norms_ == 0 ? 0 : norms_ - 1});
}

RandomKey Directions::key(std::uint32_t k) const { return {seed_, static_cast<std::uint32_t>(Purpose::directions), k}; }

void Directions::numbers(std::uint32_t k, std::size_t first, std::span<float> out) const {
  if (distribution_ != Distribution::rademacher) return random_normal(key(k), first, out);
  constexpr std::size_t kBatch = 256;
  std::uint32_t words[kBatch];
  for (std::size_t done = 0; done < out.size(); done += kBatch) {
    const std::size_t count = std::min(kBatch, out.size() - done);
    random_words(key(k), first + done, std::span(words, count));
    for (std::size_t i = 0; i < count; ++i) out[done + i] = (words[i] >> 31) == 0 ? 1.0f : -1.0f;
  }
}

void Directions::draw(std::uint32_t k, std::span<float> out, std::span<double> norms) const {
  std::fill(norms.begin(), norms.end(), 0.0);
  for (const Run& run : runs_) {
    const std::span<float> part = out.subspan(run.first, run.size);
    numbers(k, run.first, part);
    if (norms_ == 0) continue;
    double& sum = norms[run.norm];
    for (const float value : part) sum += static_cast<double>(value) * static_cast<double>(value);
  }
  if (norms_ == 0) return;
  for (double& norm : norms) norm = std::sqrt(norm);
  for (const Run& run : runs_) divide(out.subspan(run.first, run.size), norms[run.norm]);
}

void Directions::draw_range(std::uint32_t k, std::span<const double> norms, std::size_t first,
                            std::span<float> out) const {
  std::fill(out.begin(), out.end(), 0.0f);
  const std::size_t end = first + out.size();
  auto run = std::partition_point(runs_.begin(), runs_.end(),
                                  [&](const Run& before) { return before.first + before.size <= first; });
  for (; run != runs_.end() && run->first < end; ++run) {
    const std::size_t from = std::max(first, run->first), to = std::min(end, run->first + run->size);
    const std::span<float> part = out.subspan(from - first, to - from);
    numbers(k, from, part);
    if (norms_ > 0) divide(part, norms[run->norm]);
  }
}

}  // namespace deepzero
