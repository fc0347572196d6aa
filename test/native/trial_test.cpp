// The trial of one backend against another: it passes what computes the same, and finds what does not.
#include <doctest/doctest.h>

#include <limits>

#include "bench/networks.h"
#include "cpu/backend.h"
#include "engine/error.h"
#include "engine/trial.h"
#include "test/native/random_graph.h"

namespace deepzero::test {
namespace {

/// A backend that is wrong in one place.
class Wrong final : public Backend {
 public:
  enum class Place { outputs, estimates, directions, not_a_number, error };
  Wrong(std::unique_ptr<Backend> right, Place place) : right_(std::move(right)), place_(place) {}

  BackendInfo info() const override { return right_->info(); }
  void load(std::span<const float> parameters, std::span<const float> buffers) override {
    right_->load(parameters, buffers);
  }
  BaseResult base(const Batch& batch, Statistics statistics, bool keep, const Control& control) override {
    BaseResult result = right_->base(batch, statistics, keep, control);
    if (place_ == Place::outputs) result.outputs.front() += 1;
    if (place_ == Place::error) throw Error("ERR_DEVICE", "the device is gone");
    return result;
  }
  int block(int op, Statistics statistics, int count) override { return right_->block(op, statistics, count); }
  void evaluate(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                std::span<double> out) override {
    right_->evaluate(lane, chunk, perturbation, control, out);
    if (place_ == Place::estimates) out.front() += 1;
    if (place_ == Place::not_a_number) out.front() = std::numeric_limits<double>::quiet_NaN();
  }
  double evaluate_direction(int lane, const Direction& direction, const Perturbation& perturbation,
                            const Control& control) override {
    const double right = right_->evaluate_direction(lane, direction, perturbation, control);
    return place_ == Place::directions ? right * 1.1 : right;
  }
  void output_differences(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                          std::span<float> out) override {
    right_->output_differences(lane, chunk, perturbation, control, out);
  }
  void on_lanes(const std::function<void(int lane)>& work) override { right_->on_lanes(work); }

 private:
  std::unique_ptr<Backend> right_;
  Place place_;
};

TEST_CASE("trial: passes on random graphs and a residual network where both compute the same") {
  std::vector<NetworkSpec> specs = {bench::network_spec("resnet8")};
  for (int i = 0; i < 10; ++i) specs.push_back(random_graph());
  for (const NetworkSpec& spec : specs) {
    INFO(network_json(spec));
    const auto network = std::make_shared<const Network>(spec);
    CHECK(trial(network, cpu::make_backend(network, {.threads = 2}), cpu::make_backend(network, {.threads = 1})) == "");
  }
}

TEST_CASE("trial: a wrong result and an error are found, and said") {
  const auto network = std::make_shared<const Network>(bench::network_spec("cnn-2x4"));
  const auto found = [&](Wrong::Place place) {
    return trial(network, std::make_unique<Wrong>(cpu::make_backend(network, {.threads = 1}), place),
                 cpu::make_backend(network, {.threads = 1}));
  };
  CHECK(found(Wrong::Place::outputs).find("outputs are off by") == 0);
  CHECK(found(Wrong::Place::estimates).find("estimates along coordinates are off by") == 0);
  CHECK(found(Wrong::Place::directions).find("estimates along a direction are off by") == 0);
  CHECK(found(Wrong::Place::not_a_number) != "");
  CHECK(found(Wrong::Place::error) == "it ended with: the device is gone");
}

}  // namespace
}  // namespace deepzero::test
