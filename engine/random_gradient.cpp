#include "engine/random_gradient.h"

#include <algorithm>

#include "engine/share.h"

namespace deepzero {
namespace {

/// Coordinates of a range: their sums and components stay in the first-level cache.
constexpr std::size_t kRange = 1024;

}  // namespace

std::vector<float> random_gradient(Backend& backend, const Network& network, const Directions& directions,
                                   std::uint32_t first, std::span<const float> differences,
                                   std::span<const double> norms, const Control& control) {
  std::vector<float> gradient(network.parameter_count(), 0.0f);
  const double factor = directions.factor() / static_cast<double>(differences.size());
  share(backend, (gradient.size() + kRange - 1) / kRange, control, [&](int, std::size_t range) {
    const std::size_t begin = range * kRange, size = std::min(kRange, gradient.size() - begin);
    double sums[kRange] = {};
    float components[kRange];
    for (std::size_t j = 0; j < differences.size(); ++j) {
      directions.draw_range(first + static_cast<std::uint32_t>(j),
                            norms.subspan(j * directions.norms(), directions.norms()), begin,
                            std::span(components, size));
      const double difference = static_cast<double>(differences[j]);
      for (std::size_t i = 0; i < size; ++i) sums[i] += difference * static_cast<double>(components[i]);
    }
    for (std::size_t i = 0; i < size; ++i) gradient[begin + i] = static_cast<float>(factor * sums[i]);
  });
  return gradient;
}

}  // namespace deepzero
