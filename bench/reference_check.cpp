#include "bench/reference_check.h"

#include <cmath>
#include <span>
#include <sstream>

namespace deepzero::bench {
namespace {

/// Of the base pass: some tens of float32 roundings through the depth of the network.
constexpr double kPassTolerance = 1e-5;

/// NaN when a value is; the error itself where everything expected is 0.
double relative_error(std::span<const float> got, std::span<const double> expected) {
  if (got.size() != expected.size()) return std::nan("");
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    error += (static_cast<double>(got[i]) - expected[i]) * (static_cast<double>(got[i]) - expected[i]);
    norm += expected[i] * expected[i];
  }
  return std::sqrt(norm == 0 ? error : error / norm);
}

/// Indices of at most `most` of `count`, spread evenly.
std::vector<std::size_t> spread_indices(std::size_t count, std::size_t most) {
  const std::size_t taken = most == 0 || most > count ? count : most;
  std::vector<std::size_t> list;
  for (std::size_t i = 0; i < taken; ++i) list.push_back((2 * i + 1) * count / (2 * taken));
  return list;
}

}  // namespace

double estimate_tolerance(Precision precision, const std::string& device, double mu) {
  if (precision == Precision::bf16) return device == "cpu" ? 5e-3 : 2e-2;
  if (precision == Precision::f16) return 1e-3;
  return mu >= 1e-3 ? 1e-4 : 1e-3;
}

std::vector<Deviation> check_reference(Session& session, const Reference& reference, Precision precision,
                                       std::size_t most) {
  const Batch batch{reference.input.data(), reference.labels.data(), reference.count()};
  session.set_parameters(reference.model.parameters);
  session.set_buffers(reference.model.buffers);
  std::vector<Deviation> list;
  const ForwardResult train = session.forward(batch, {.statistics = Statistics::batch, .update_running = true}, {});
  list.push_back({"logits_train", relative_error(train.outputs, reference.logits_train), kPassTolerance});
  list.push_back(
      {"loss_train", std::abs(train.loss - reference.loss_train) / std::abs(reference.loss_train), kPassTolerance});
  list.push_back({"running_after", relative_error(session.buffers(), reference.running_after), kPassTolerance});
  session.set_buffers(reference.model.buffers);
  list.push_back(
      {"logits_eval",
       relative_error(session.forward(batch, {.statistics = Statistics::running}, {}).outputs, reference.logits_eval),
       kPassTolerance});

  const std::vector<std::size_t> chosen = spread_indices(reference.coordinates.size(), most);
  std::vector<std::uint32_t> coordinates;
  for (const std::size_t i : chosen) coordinates.push_back(reference.coordinates[i]);
  for (const auto& [mu, values] : reference.cge) {
    std::vector<double> expected;
    for (const std::size_t i : chosen) expected.push_back(values[i]);
    std::ostringstream name;
    name << "cge/mu=" << mu;
    list.push_back({name.str(),
                    relative_error(session.differences(batch, coordinates, {.mu = mu}, {}).values, expected),
                    estimate_tolerance(precision, session.backend().info().device, mu)});
  }
  return list;
}

}  // namespace deepzero::bench
