#include "engine/trial.h"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "engine/error.h"
#include "engine/random/philox.h"
#include "engine/session.h"

namespace deepzero {
namespace {

constexpr int kImages = 2;
constexpr std::size_t kCoordinates = 12;
constexpr double kMu = 1e-3;

std::vector<float> normal(Purpose purpose, std::uint32_t stream, std::size_t count) {
  std::vector<float> values(count);
  random_normal({1, static_cast<std::uint32_t>(purpose), stream}, 0, values);
  return values;
}

/// Weights that keep activations of order one: by fan-in, and around 1 and 0 in one-dimensional parameters.
std::vector<float> made_up_parameters(const Network& network) {
  std::vector<float> values = normal(Purpose::initialisation, 0, network.parameter_count());
  for (const ParameterInfo& p : network.parameters())
    for (std::size_t i = p.offset; i < p.offset + p.size; ++i)
      values[i] = p.shape.size() > 1 ? values[i] * std::sqrt(2.0f / static_cast<float>(p.inner()))
                                     : 0.1f * values[i] + (p.role == 0 ? 1.0f : 0.0f);
  return values;
}

/// A few elements of up to kCoordinates parameters, spread from the first to the last.
std::vector<std::uint32_t> spread_coordinates(const Network& network) {
  const auto parameters = network.parameters();
  const std::size_t count = std::min(kCoordinates, parameters.size());
  std::vector<std::uint32_t> list;
  for (std::size_t i = 0; i < count; ++i) {
    const ParameterInfo& p = parameters[count == 1 ? 0 : i * (parameters.size() - 1) / (count - 1)];
    for (const std::size_t element : {p.size / 3, p.size - 1})
      list.push_back(static_cast<std::uint32_t>(p.offset + element));
  }
  return list;
}

/// Batch statistics of two values would be a matter of their signs.
Statistics statistics_of(const Network& network) {
  for (const auto& op : network.ops())
    if (op->barrier(Statistics::batch) && op->input_shape().plane() < 8) return Statistics::running;
  return Statistics::batch;
}

/// Outputs, estimates along coordinates, and the difference along a direction.
using Results = std::vector<std::vector<float>>;

Results results(std::shared_ptr<const Network> network, std::unique_ptr<Backend> backend) {
  Session session(network, std::move(backend));
  session.set_parameters(made_up_parameters(*network));
  const auto values = static_cast<std::size_t>(kImages);
  const std::vector<float> input =
      normal(Purpose::synthetic_data, 0, values * static_cast<std::size_t>(network->input().size()));
  const std::vector<float> targets =
      normal(Purpose::synthetic_data, 1, values * static_cast<std::size_t>(network->outputs()));
  std::vector<std::int32_t> labels;
  for (int n = 0; n < kImages; ++n) labels.push_back(n % network->outputs());
  const bool regression = network->loss() == Loss::mean_squared_error;
  const Batch batch{input.data(), regression ? nullptr : labels.data(), kImages, regression ? targets.data() : nullptr};
  const Statistics statistics = statistics_of(*network);
  const DifferencesOptions query{.mu = kMu, .statistics = statistics};
  Results all{session.forward(batch, {.statistics = statistics}, {}).outputs};
  if (network->parameter_count() == 0) return all;
  all.push_back(session.differences(batch, spread_coordinates(*network), query, {}).values);
  const Directions directions(*network, Distribution::tensor, 1);
  all.push_back(session.random_differences(batch, directions, {.query = query}, {}).values);
  return all;
}

/// In the 2-norm; NaN where a value is.
double relative_deviation(const std::vector<float>& got, const std::vector<float>& expected) {
  double apart = 0, size = 0;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double a = static_cast<double>(got[i]), b = static_cast<double>(expected[i]);
    apart += (a - b) * (a - b);
    size += b * b;
  }
  return apart == 0 ? 0 : std::sqrt(apart / size);
}

}  // namespace

std::string trial(std::shared_ptr<const Network> network, std::unique_ptr<Backend> tried,
                  std::unique_ptr<Backend> trusted) {
  Results got;
  try {
    got = results(network, std::move(tried));
  } catch (const Error& error) {
    return std::string("it ended with: ") + error.what();
  }
  const Results expected = results(network, std::move(trusted));
  constexpr const char* names[] = {"outputs", "estimates along coordinates", "estimates along a direction"};
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const double deviation = relative_deviation(got[i], expected[i]);
    if (deviation <= kTrialTolerance) continue;
    std::ostringstream text;
    text << names[i] << " are off by " << deviation << " of themselves, more than " << kTrialTolerance;
    return text.str();
  }
  return "";
}

}  // namespace deepzero
