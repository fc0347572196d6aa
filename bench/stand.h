// What all measurements of whole steps share: a session with its batch on a backend whose base pass is timed apart, the
// comparison with two float64 passes that precedes every timing, and the description that goes with a record.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/case_file.h"
#include "bench/clock.h"
#include "bench/model_file.h"
#include "bench/options.h"
#include "bench/timed_backend.h"
#include "engine/session.h"

namespace deepzero::bench {

/// Seconds of one call: of its queries alone, and of its base pass.
struct StepTime {
  double queries = 0, base = 0;
};
struct StepSpread {
  Spread queries, base;
};

/// Keeps a reference to the options.
class Stand {
 public:
  explicit Stand(const Options& options);

  /// Estimates on the first `images` of the batch.
  DifferencesResult estimate(std::span<const std::uint32_t> coordinates, int images, Method method);
  StepTime time_once(std::span<const std::uint32_t> coordinates, int images);
  /// On the whole batch, after the warm-ups.
  StepSpread time_repeatedly(std::span<const std::uint32_t> coordinates);

  /// Relative error against two float64 passes, over coordinates spread through the list.
  double check(std::span<const std::uint32_t> coordinates);
  /// Prints it; false when it is too large to time anything.
  bool report_check(double error) const;

  /// How many elements of each parameter a step queries.
  std::vector<std::size_t> kept() const;
  int threads() const { return session.backend().info().lanes; }

  /// Runs it on every lane's thread.
  void on_lanes(const std::function<void()>& work);
  /// What the queries of each op took in all calls since the last reset, lanes together.
  std::vector<OpTime> op_times() const;
  void reset_op_times();

  nlohmann::json describe() const;
  void print_header() const;

 private:
  std::unique_ptr<Backend> timed_backend();
  /// What decides how much of each layer is queried.
  const char* chosen_name() const;
  nlohmann::json chosen() const;

  const Options& options_;
  Backend* backend_ = nullptr;  // the session's
  StepClock clock_;

 public:
  Model model;
  std::shared_ptr<const Network> network;
  BatchData batch;
  Session session;
};

/// The network and weights that the options name.
Model chosen_model(const Options& options);

nlohmann::json spread_json(const Spread& s);

/// Writes the result where --json says, if it does.
void record(const Options& options, const nlohmann::json& result);

}  // namespace deepzero::bench
