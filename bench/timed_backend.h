// A backend that notes how long the base pass took and when it ended, so that a call of Session::differences can be
// split into base pass and queries exactly, and what the queries of each op took. Everything else is passed on.
#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "bench/clock.h"
#include "engine/backend.h"

namespace deepzero::bench {

/// Queries of chunks that begin at an op, and their seconds on all lanes together.
struct OpTime {
  std::size_t queries = 0;
  double seconds = 0;
};

/// Outlives the session whose backend it watches.
struct StepClock {
  double seconds = 0;                      ///< load() and base() of the last call
  double end = 0;                          ///< on the clock of seconds_now()
  std::vector<std::vector<OpTime>> lanes;  ///< of all calls, by lane and op
};

class TimedBackend final : public Backend {
 public:
  TimedBackend(std::unique_ptr<Backend> inner, std::size_t ops, StepClock& time)
      : inner_(std::move(inner)), time_(time) {
    time_.lanes.assign(static_cast<std::size_t>(inner_->info().lanes), std::vector<OpTime>(ops));
  }

  BackendInfo info() const override { return inner_->info(); }

  void load(std::span<const float> parameters, std::span<const float> buffers) override {
    start_ = seconds_now();
    inner_->load(parameters, buffers);
  }

  BaseResult base(const Batch& batch, Statistics statistics, bool keep, const Control& control) override {
    BaseResult result = inner_->base(batch, statistics, keep, control);
    time_.end = seconds_now();
    time_.seconds = time_.end - start_;
    return result;
  }

  int start(int op) const override { return inner_->start(op); }

  int block(int op, Statistics statistics, int count) override { return inner_->block(op, statistics, count); }

  void evaluate(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                std::span<double> out) override {
    const double start = seconds_now();
    inner_->evaluate(lane, chunk, perturbation, control, out);
    OpTime& time = time_.lanes[static_cast<std::size_t>(lane)][static_cast<std::size_t>(chunk.op)];
    time.queries += chunk.queries.size();
    time.seconds += seconds_now() - start;
  }

  double evaluate_direction(int lane, const Direction& direction, const Perturbation& perturbation,
                            const Control& control) override {
    return inner_->evaluate_direction(lane, direction, perturbation, control);
  }

  void output_differences(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                          std::span<float> out) override {
    inner_->output_differences(lane, chunk, perturbation, control, out);
  }

  void on_lanes(const std::function<void(int lane)>& work) override { inner_->on_lanes(work); }

 private:
  std::unique_ptr<Backend> inner_;
  StepClock& time_;
  double start_ = 0;
};

}  // namespace deepzero::bench
