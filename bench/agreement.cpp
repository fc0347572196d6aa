#include "bench/agreement.h"

#include <algorithm>
#include <cmath>

#include "engine/error.h"

namespace deepzero::bench {

double relative_error(std::span<const float> expected, std::span<const float> actual) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double difference = static_cast<double>(actual[i]) - expected[i];
    error += difference * difference;
    norm += static_cast<double>(expected[i]) * expected[i];
  }
  if (error == 0) return 0;
  return std::sqrt(error / norm);
}

void require_agreement(const std::string& what, std::span<const float> expected, std::span<const float> actual,
                       double tolerance) {
  const auto fail = [&](const std::string& how) {
    throw Error("ERR_INTERNAL", what + ": " + how + "; nothing was timed");
  };
  if (expected.empty() || actual.size() != expected.size()) {
    fail("expected " + std::to_string(expected.size()) + " values (at least one), received " +
         std::to_string(actual.size()));
  }
  double largest = 0, worst = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(expected[i]) || !std::isfinite(actual[i])) {
      fail("value " + std::to_string(i) + ": expected " + std::to_string(expected[i]) + ", received " +
           std::to_string(actual[i]));
    }
    largest = std::max(largest, std::abs(static_cast<double>(expected[i])));
    const double difference = std::abs(static_cast<double>(actual[i]) - expected[i]);
    if (difference > worst) worst = difference, at = i;
  }
  const double error = relative_error(expected, actual);
  if (!(error <= tolerance) || !(worst <= 10 * tolerance * largest)) {
    fail("relative error " + std::to_string(error) + " beyond " + std::to_string(tolerance) + " (worst at value " +
         std::to_string(at) + ": expected " + std::to_string(expected[at]) + ", received " +
         std::to_string(actual[at]) + ")");
  }
}

}  // namespace deepzero::bench
