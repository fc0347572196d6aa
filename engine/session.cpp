#include "engine/session.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>

#include "engine/loss.h"
#include "engine/random_gradient.h"
#include "engine/schedule.h"
#include "engine/share.h"
#include "engine/two_pass.h"

namespace deepzero {
namespace {

struct Score {
  double loss;
  int correct;
};

Score score(const std::vector<float>& outputs, const Batch& batch, const Network& network, double label_smoothing) {
  const int k = network.outputs();
  if (!has_target(network.loss(), batch)) return {std::numeric_limits<double>::quiet_NaN(), 0};
  Score result{mean_loss(network.loss(), outputs, batch, k, label_smoothing), 0};
  for (int n = 0; n < batch.count && batch.labels != nullptr; ++n) {
    const float* z = outputs.data() + static_cast<std::size_t>(n) * k;
    int best = 0;
    for (int j = 1; j < k; ++j)
      if (z[j] > z[best]) best = j;
    result.correct += best == batch.labels[n] ? 1 : 0;
  }
  return result;
}

/// Throws for a number that is not finite; `size` of them belong to each image.
void check_finite(const float* values, std::size_t size, int count, const char* what) {
  for (std::size_t i = 0; i < size * static_cast<std::size_t>(count); ++i)
    if (!std::isfinite(values[i]))
      throw Error("ERR_NOT_FINITE", std::string(what) + ": expected finite numbers, received " +
                                        std::to_string(values[i]) + " in image " + std::to_string(i / size));
}

void check_batch(const Network& network, const Batch& batch, bool needs_target) {
  if (batch.count < 1) throw Error("ERR_INVALID_ARGUMENT", "the batch: expected at least one image, received none");
  const bool classes = network.loss() == Loss::cross_entropy;
  if (classes ? batch.targets != nullptr : batch.labels != nullptr)
    throw Error("ERR_INVALID_ARGUMENT", std::string("the batch: expected ") + (classes ? "labels" : "targets") +
                                            " for the loss " + loss_name(network.loss()) + ", received " +
                                            (classes ? "targets" : "labels"));
  if (needs_target && !has_target(network.loss(), batch))
    throw Error("ERR_INVALID_ARGUMENT",
                std::string("the batch: expected ") + (classes ? "labels" : "targets") + ", received none");
  check_finite(batch.input, static_cast<std::size_t>(network.input().size()), batch.count, "the batch");
  if (batch.targets != nullptr)
    check_finite(batch.targets, static_cast<std::size_t>(network.outputs()), batch.count, "the targets");
  if (batch.labels != nullptr)
    for (int n = 0; n < batch.count; ++n)
      if (batch.labels[n] < 0 || batch.labels[n] >= network.outputs())
        throw Error("ERR_INVALID_ARGUMENT", "label of image " + std::to_string(n) + ": expected 0 to " +
                                                std::to_string(network.outputs() - 1) + ", received " +
                                                std::to_string(batch.labels[n]));
}

template <class Info>
void check_values(std::span<const Info> tensors, std::span<const float> values, std::size_t expected,
                  const char* what) {
  if (values.size() != expected)
    throw Error("ERR_INVALID_ARGUMENT", std::string(what) + ": expected " + std::to_string(expected) +
                                            " numbers, received " + std::to_string(values.size()));
  for (const Info& tensor : tensors)
    for (std::size_t i = 0; i < tensor.size; ++i)
      if (!std::isfinite(values[tensor.offset + i]))
        throw Error("ERR_NOT_FINITE", tensor.name + ": expected finite numbers, received " +
                                          std::to_string(values[tensor.offset + i]) + " at element " +
                                          std::to_string(i));
}

void check_label_smoothing(Loss loss, double smoothing) {
  if (!(smoothing >= 0 && smoothing < 1))
    throw Error("ERR_INVALID_ARGUMENT",
                "label smoothing: expected a number at least 0 and below 1, received " + std::to_string(smoothing));
  if (smoothing != 0 && loss != Loss::cross_entropy)
    throw Error("ERR_INVALID_ARGUMENT", std::string("label smoothing: expected 0 with the loss ") + loss_name(loss) +
                                            ", received " + std::to_string(smoothing));
}

void check_mu(double mu) {
  // A float, and its inverse too.
  constexpr double least = 1e-37;
  if (!(mu >= least) || !std::isfinite(static_cast<float>(mu))) {
    std::ostringstream received;
    received << mu;
    throw Error("ERR_INVALID_ARGUMENT", "mu: expected a positive number of at least 1e-37, received " + received.str());
  }
}

void check_loss(double loss) {
  if (!std::isfinite(loss))
    throw Error("ERR_NOT_FINITE", "the loss is " + std::to_string(loss) +
                                      "; the weights have grown too large: lower the learning rate, or start from "
                                      "earlier weights");
}

Perturbation perturbation(const DifferencesOptions& options, int sign) {
  return {options.mu, sign, options.statistics, options.label_smoothing};
}

/// Estimates by whole passes, one per element of `estimates`: query i moves a copy's parameters along along(lane, i), a
/// coordinate or the components of a direction.
template <class T, class Along>
std::vector<std::uint32_t> two_pass(Backend& backend, const Session& session, const Batch& batch,
                                    const DifferencesOptions& options, const Control& control, const Along& along,
                                    std::span<double> estimates) {
  const TwoPass<T> start(session.network(), session.parameters(), session.buffers(), options.label_smoothing, control);
  const double base = TwoPass<T>(start).loss(batch, options.statistics);
  std::vector<std::unique_ptr<TwoPass<T>>> copies(static_cast<std::size_t>(backend.info().lanes));
  Progress progress(control, estimates.size());
  return share(backend, estimates.size(), control, [&](int lane, std::size_t i) {
    auto& copy = copies[static_cast<std::size_t>(lane)];
    if (!copy) copy = std::make_unique<TwoPass<T>>(start);
    const auto what = along(lane, i);
    const double up = copy->perturbed_loss(batch, options.statistics, what, options.mu);
    estimates[i] = options.scheme == Scheme::forward
                       ? (up - base) / options.mu
                       : (up - copy->perturbed_loss(batch, options.statistics, what, -options.mu)) / (2 * options.mu);
    progress.add(1);
  });
}

/// The same in the precision that the method names.
template <class Along>
std::vector<std::uint32_t> whole_passes(Backend& backend, const Session& session, const Batch& batch,
                                        const DifferencesOptions& options, const Control& control, const Along& along,
                                        std::span<double> estimates) {
  return options.method == Method::two_pass_f32
             ? two_pass<float>(backend, session, batch, options, control, along, estimates)
             : two_pass<double>(backend, session, batch, options, control, along, estimates);
}

}  // namespace

Session::Session(std::shared_ptr<const Network> network, std::unique_ptr<Backend> backend)
    : network_(std::move(network)),
      backend_(std::move(backend)),
      parameters_(network_->parameter_count(), 0.0f),
      buffers_(network_->buffer_count(), 0.0f) {
  for (const BufferInfo& buffer : network_->buffers())
    std::fill_n(buffers_.begin() + static_cast<std::ptrdiff_t>(buffer.offset), buffer.size,
                static_cast<float>(buffer.initial));
}

Session::~Session() = default;

void Session::set_parameters(std::span<const float> values) {
  check_values(network_->parameters(), values, network_->parameter_count(), "the parameters");
  parameters_.assign(values.begin(), values.end());
}

void Session::set_buffers(std::span<const float> values) {
  check_values(network_->buffers(), values, network_->buffer_count(), "the running statistics");
  for (const BufferInfo& buffer : network_->buffers())
    if (buffer.initial == 1)
      for (std::size_t i = 0; i < buffer.size; ++i)
        if (values[buffer.offset + i] < 0)
          throw Error("ERR_INVALID_ARGUMENT", buffer.name + ": expected no negative variance, received " +
                                                  std::to_string(values[buffer.offset + i]) + " at element " +
                                                  std::to_string(i));
  buffers_.assign(values.begin(), values.end());
}

BaseResult Session::base_pass(const Batch& batch, const Weights& weights, Statistics statistics, bool keep,
                              const Control& control) {
  backend_->load(weights.parameters, weights.buffers);
  BaseResult result = backend_->base(batch, statistics, keep, control);
  for (const float z : result.outputs)
    if (!std::isfinite(z)) check_loss(static_cast<double>(z));
  return result;
}

std::vector<Chunk> Session::chunks_of(std::span<const std::uint32_t> coordinates, Statistics statistics, int count) {
  return make_chunks(
      *network_, coordinates, statistics, [&](int op) { return backend_->start(op); },
      [&](int op) { return backend_->block(op, statistics, count); });
}

void Session::update_running(const BaseResult& base) {
  for (const BufferInfo& buffer : network_->buffers())
    for (std::size_t i = buffer.offset; i < buffer.offset + buffer.size; ++i)
      buffers_[i] = static_cast<float>((1 - buffer.momentum) * static_cast<double>(buffers_[i]) +
                                       buffer.momentum * base.observed[i]);
}

ForwardResult Session::forward(const Batch& batch, const ForwardOptions& options, const Control& control) {
  check_batch(*network_, batch, false);
  check_label_smoothing(network_->loss(), options.label_smoothing);
  control.check();
  BaseResult base = base_pass(batch, {parameters_, buffers_}, options.statistics, false, control);
  const Score scored = score(base.outputs, batch, *network_, options.label_smoothing);
  if (has_target(network_->loss(), batch)) check_loss(scored.loss);
  if (options.update_running && options.statistics == Statistics::batch) update_running(base);
  return {scored.loss, scored.correct, std::move(base.outputs)};
}

DifferencesResult Session::differences(const Batch& batch, std::span<const std::uint32_t> coordinates,
                                       const DifferencesOptions& options, const Control& control) {
  check_batch(*network_, batch, true);
  check_label_smoothing(network_->loss(), options.label_smoothing);
  check_mu(options.mu);
  // Found before the base pass, so that a bad coordinate costs nothing.
  const std::vector<Chunk> chunks = chunks_of(coordinates, options.statistics, batch.count);
  control.check();

  const BaseResult base =
      base_pass(batch, {parameters_, buffers_}, options.statistics, options.method == Method::propagation, control);
  const Score scored = score(base.outputs, batch, *network_, options.label_smoothing);
  check_loss(scored.loss);

  DifferencesResult result{.loss = scored.loss, .correct = scored.correct};
  std::vector<double> estimates(coordinates.size(), 0.0);
  if (options.method != Method::propagation) {
    const auto coordinate = [&](int, std::size_t i) { return coordinates[i]; };
    result.lane_chunks = whole_passes(*backend_, *this, batch, options, control, coordinate, estimates);
  } else {
    std::size_t queried = 0;
    for (const Chunk& chunk : chunks) queried += chunk.queries.size();
    Progress progress(control, coordinates.size());
    progress.add(coordinates.size() - queried);  // estimates that are exactly 0 need no query
    result.lane_chunks = share(*backend_, chunks.size(), control, [&](int lane, std::size_t item) {
      const Chunk& chunk = chunks[item];
      std::vector<double> up(chunk.queries.size()), down(chunk.queries.size());
      backend_->evaluate(lane, chunk, perturbation(options, 1), control, up);
      if (options.scheme == Scheme::central) {
        backend_->evaluate(lane, chunk, perturbation(options, -1), control, down);
        for (std::size_t q = 0; q < up.size(); ++q) up[q] = (up[q] + down[q]) / 2;
      }
      for (std::size_t q = 0; q < up.size(); ++q) estimates[chunk.queries[q].result] = up[q];
      progress.add(chunk.queries.size());
    });
  }

  result.values.resize(estimates.size());
  for (std::size_t i = 0; i < estimates.size(); ++i) {
    result.values[i] = static_cast<float>(estimates[i]);
    if (!std::isfinite(result.values[i]))
      throw Error("ERR_NOT_FINITE", "the estimate of coordinate " + std::to_string(coordinates[i]) + " (" +
                                        network_->parameter_of(coordinates[i]).name + ") is " +
                                        std::to_string(estimates[i]) + "; lower mu or the learning rate");
  }
  if (options.update_running && options.statistics == Statistics::batch) update_running(base);
  return result;
}

RandomDifferencesResult Session::random_differences(const Batch& batch, const Directions& directions,
                                                    const RandomDifferencesOptions& options, const Control& control) {
  const DifferencesOptions& query = options.query;
  check_batch(*network_, batch, true);
  check_label_smoothing(network_->loss(), query.label_smoothing);
  check_mu(query.mu);
  if (options.count < 1) throw Error("ERR_INVALID_ARGUMENT", "count: expected at least one direction, received 0");
  control.check();

  const BaseResult base =
      base_pass(batch, {parameters_, buffers_}, query.statistics, query.method == Method::propagation, control);
  const Score scored = score(base.outputs, batch, *network_, query.label_smoothing);
  check_loss(scored.loss);

  const auto index = [&](std::size_t j) { return options.first + static_cast<std::uint32_t>(j); };
  RandomDifferencesResult result{{.loss = scored.loss, .correct = scored.correct}};
  std::vector<double> norms(options.count * directions.norms()), estimates(options.count);
  std::vector<std::vector<float>> drawn(static_cast<std::size_t>(backend_->info().lanes));
  const auto along = [&](int lane, std::size_t j) -> std::span<const float> {
    auto& components = drawn[static_cast<std::size_t>(lane)];
    components.resize(network_->parameter_count(), 0.0f);
    directions.draw(index(j), components, std::span(norms).subspan(j * directions.norms(), directions.norms()));
    return components;
  };
  if (query.method != Method::propagation) {
    result.lane_chunks = whole_passes(*backend_, *this, batch, query, control, along, estimates);
  } else {
    Progress progress(control, options.count);
    result.lane_chunks = share(*backend_, options.count, control, [&](int lane, std::size_t j) {
      const Direction direction{along(lane, j), directions.moved()};
      const auto difference = [&](int sign) {
        return backend_->evaluate_direction(lane, direction, perturbation(query, sign), control);
      };
      estimates[j] = query.scheme == Scheme::forward ? difference(1) : (difference(1) + difference(-1)) / 2;
      progress.add(1);
    });
  }

  for (std::size_t j = 0; j < estimates.size(); ++j) {
    result.values.push_back(static_cast<float>(estimates[j]));
    if (!std::isfinite(result.values[j]))
      throw Error("ERR_NOT_FINITE", "the difference along direction " + std::to_string(index(j)) + " is " +
                                        std::to_string(estimates[j]) + "; lower mu or the learning rate");
  }
  result.gradient = random_gradient(*backend_, *network_, directions, options.first, result.values, norms, control);
  if (query.update_running && query.statistics == Statistics::batch) update_running(base);
  return result;
}

std::vector<float> Session::output_differences(const Batch& batch, const Weights& weights,
                                               std::span<const std::uint32_t> coordinates,
                                               const OutputDifferencesOptions& options, const Control& control) {
  check_batch(*network_, batch, false);
  check_mu(options.mu);
  check_values(network_->parameters(), weights.parameters, network_->parameter_count(), "the parameters");
  check_values(network_->buffers(), weights.buffers, network_->buffer_count(), "the running statistics");
  const std::vector<Chunk> chunks = chunks_of(coordinates, options.statistics, batch.count);
  control.check();

  const BaseResult base = base_pass(batch, weights, options.statistics, true, control);
  const std::size_t one = base.outputs.size(), sides = options.scheme == Scheme::central ? 2 : 1;
  std::vector<float> result(coordinates.size() * sides * one, 0.0f);
  share(*backend_, chunks.size(), control, [&](int lane, std::size_t item) {
    const Chunk& chunk = chunks[item];
    std::vector<float> scaled(chunk.queries.size() * one);
    for (std::size_t side = 0; side < sides; ++side) {
      backend_->output_differences(lane, chunk, {options.mu, side == 0 ? 1 : -1, options.statistics}, control, scaled);
      for (std::size_t q = 0; q < chunk.queries.size(); ++q) {
        const std::size_t place = (chunk.queries[q].result * sides + side) * one;
        std::copy_n(scaled.begin() + static_cast<std::ptrdiff_t>(q * one), one,
                    result.begin() + static_cast<std::ptrdiff_t>(place));
      }
    }
  });
  for (std::size_t i = 0; i < result.size(); ++i)
    if (!std::isfinite(result[i])) {
      const std::uint32_t coordinate = coordinates[i / (sides * one)];
      throw Error("ERR_NOT_FINITE", "the outputs for coordinate " + std::to_string(coordinate) + " (" +
                                        network_->parameter_of(coordinate).name + ") moved by " +
                                        std::to_string(result[i]) + " times mu; lower mu or the learning rate");
    }
  if (options.update_running && options.statistics == Statistics::batch) update_running(base);
  return result;
}

}  // namespace deepzero
