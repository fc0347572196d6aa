// How estimates are held against the float64 oracle: the relative error, and how well float32 can know the exact value
// at all.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "cpu/backend.h"
#include "engine/session.h"
#include "test/native/random_graph.h"

namespace deepzero::test {

inline std::unique_ptr<Session> make_session(const std::shared_ptr<const Network>& network,
                                             const cpu::Options& options) {
  return std::make_unique<Session>(network, cpu::make_backend(network, options));
}

/// In the 2-norm; where everything expected is 0, as with dead outputs, the error itself.
inline double relative_error(std::span<const float> got, std::span<const float> expected) {
  double error = 0, norm = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double difference = static_cast<double>(got[i]) - static_cast<double>(expected[i]);
    error += difference * difference;
    norm += static_cast<double>(expected[i]) * static_cast<double>(expected[i]);
  }
  return std::sqrt(norm == 0 ? error : error / norm);
}

/// Every value moved to the next float32 on one side or the other.
inline std::vector<float> nudged(std::span<const float> values) {
  std::vector<float> moved;
  for (const float value : values) moved.push_back(std::nextafter(value, pick(0, 1) == 1 ? 1e30f : -1e30f));
  return moved;
}

/// How far the exact values themselves move when weights and input change in their last float32 bit, the largest of
/// several draws. Where an element stands just at a switch of a ReLU or a maximum, rounding of float32 base features
/// decides on which side it falls, and no float32 method can be closer than this. `oracle` gives the exact values of
/// the session's weights on a batch.
inline double float32_ambiguity(Session& session, std::span<const float> parameters, const RandomBatch& batch,
                                std::span<const float> exact,
                                const std::function<std::vector<float>(const Batch&)>& oracle) {
  double most = 0;
  for (int draw = 0; draw < 16; ++draw) {
    RandomBatch moved = batch;
    moved.input = nudged(batch.input);
    session.set_parameters(nudged(parameters));
    most = std::max(most, relative_error(oracle(moved.batch()), exact));
  }
  session.set_parameters(parameters);
  return most;
}

/// What an error beyond a tolerance is held against: a rounding of base features is up to some ulps where a nudge is
/// one.
inline double allowed_by(double ambiguity) { return 4 * ambiguity; }

/// Holds what a session propagates against two float64 passes; beyond the tolerance, against what float32 can know.
inline void check_propagation(Session& session, std::span<const float> parameters, const RandomBatch& batch,
                              double tolerance,
                              const std::function<std::vector<float>(const Batch&, Method)>& estimates) {
  const std::vector<float> got = estimates(batch.batch(), Method::propagation);
  const std::vector<float> exact = estimates(batch.batch(), Method::two_pass_f64);
  const double error = relative_error(got, exact);
  if (error > tolerance)
    tolerance = allowed_by(float32_ambiguity(
        session, parameters, batch, exact, [&](const Batch& moved) { return estimates(moved, Method::two_pass_f64); }));
  CHECK(error <= tolerance);
}

}  // namespace deepzero::test
