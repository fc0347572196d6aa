#include "cuda/program.h"

#include <algorithm>

#include "engine/arena.h"
#include "engine/index.h"

namespace deepzero::cuda {
namespace {

class Planner {
 public:
  Planner(const Network& network, std::span<const std::unique_ptr<CudaOp>> ops, Program& program)
      : network_(network), ops_(ops), program_(program), steps_(program.route.steps), last_(at(network.values()), 0) {
    program_.plans.resize(steps_.size());
    program_.normalised_by.assign(at(network.values()), -1);
    program_.offset.assign(at(network.values()), 0);
    for (std::size_t s = 0; s < steps_.size(); ++s)
      for (const int input : op(s).inputs()) last_[at(input)] = s;
    last_.back() = steps_.size();
  }

  void apply_relus() {
    // The first step starts a query: it makes a seed.
    for (std::size_t s = 1; s < steps_.size(); ++s) {
      const int value = op(s).output();
      if (!cuda_op(s).applies_relu() || !read_once(value)) continue;
      const std::size_t reader = last_[at(value)];
      if (op(reader).kind() != "relu") continue;
      program_.plans[s].relu = steps_[reader].op;
      program_.plans[reader].applied = true;
    }
  }

  void leave_normalisations() {
    for (std::size_t s = 1; s < steps_.size(); ++s) {
      if (cuda_op(s).coefficient_floats() == 0) continue;
      const int input = op(s).inputs()[0], value = result(s);
      const Support::Kind kind = support(value).kind;
      if (support(input).kind != kind || !read_once(value)) continue;
      const std::size_t reader = last_[at(value)];
      if (!cuda_op(reader).normalises_input(kind, program_.precision)) continue;
      program_.plans[s].left = true;
      program_.normalised_by[at(value)] = static_cast<int>(s);
      last_[at(input)] = std::max(last_[at(input)], reader);
    }
  }

  void form_sums(Statistics statistics) {
    for (std::size_t s = 1; s + 1 < steps_.size(); ++s) {
      const int value = op(s).output();
      if (op(s + 1).inputs()[0] != value || !read_once(value)) continue;
      program_.plans[s].forms_sums = cuda_op(s + 1).coefficient_floats() != 0 && op(s + 1).barrier(statistics) &&
                                     cuda_op(s).forms_sums(support(op(s).inputs()[0]).kind, program_.precision);
    }
  }

  void lay_out() {
    Arena values(kArenaAlignment), coefficients(kCoefficientAlignment);
    for (std::size_t s = 0; s < steps_.size(); ++s) {
      Plan& plan = program_.plans[s];
      if (plan.applied) continue;  // it was laid out with the op before it
      const int output = result(s);
      const bool whole = output == network_.values() - 1;
      const auto dies = [&](int value) { return support(value).kind != Support::none && last_[at(value)] == s; };

      const bool one = support(output).kind == Support::one;
      const std::size_t channels = one ? 1 : at(network_.shape(output).c);
      if (cuda_op(s).coefficient_floats() != 0)
        plan.coefficients = coefficients.take(channels * at(cuda_op(s).coefficient_floats()));
      if (plan.left) {
        program_.offset[at(output)] = program_.offset[at(op(s).inputs()[0])];
        continue;
      }
      int reused = -1;
      if (!whole && cuda_op(s).in_place())
        for (const int input : op(s).inputs())
          if (reused < 0 && dies(stored(input)) && size(input) == size(output)) reused = stored(input);
      if (!whole) program_.offset[at(output)] = reused >= 0 ? program_.offset[at(reused)] : values.take(size(output));
      for (const int input : op(s).inputs()) {
        if (stored(input) != reused && dies(stored(input))) values.release(program_.offset[at(stored(input))]);
        const int by = program_.normalised_by[at(input)];
        if (by >= 0) coefficients.release(program_.plans[at(by)].coefficients);
      }
      if (cuda_op(s).coefficient_floats() != 0) coefficients.release(plan.coefficients);
    }
    program_.elements = values.peak();
    program_.coefficients = coefficients.peak();
  }

 private:
  const Op& op(std::size_t step) const { return network_.op(steps_[step].op); }
  const CudaOp& cuda_op(std::size_t step) const { return *ops_[at(steps_[step].op)]; }
  const Support& support(int value) const { return program_.route.support[at(value)]; }
  std::size_t size(int value) const {
    const Shape& shape = network_.shape(value);
    return at(support(value).kind == Support::one ? shape.plane() : shape.size());
  }
  /// The value that a step makes, with the ReLU that it applies.
  int result(std::size_t step) const {
    const int relu = program_.plans[step].relu;
    return relu < 0 ? op(step).output() : network_.op(relu).output();
  }
  /// Whose memory holds what a reader of the value reads.
  int stored(int value) const {
    const int by = program_.normalised_by[at(value)];
    return by < 0 ? value : op(at(by)).inputs()[0];
  }
  /// Whether one step alone reads a value, and nobody after the last one.
  bool read_once(int value) const {
    return last_[at(value)] != steps_.size() && std::count_if(steps_.begin(), steps_.end(), [&](const Step& step) {
                                                  const auto inputs = network_.op(step.op).inputs();
                                                  return std::find(inputs.begin(), inputs.end(), value) != inputs.end();
                                                }) == 1;
  }

  const Network& network_;
  std::span<const std::unique_ptr<CudaOp>> ops_;
  Program& program_;
  const std::vector<Step>& steps_;
  std::vector<std::size_t> last_;  ///< per value: the last step that reads its memory; all steps for the output
};

}  // namespace

Program make_program(const Network& network, const Route& route, std::span<const std::unique_ptr<CudaOp>> ops,
                     Statistics statistics, Precision precision) {
  Program program{.route = route, .precision = precision};
  Planner planner(network, ops, program);
  planner.apply_relus();
  planner.form_sums(statistics);
  planner.leave_normalisations();
  planner.lay_out();
  if (precision == Precision::f16)
    program.in_float32 = std::make_shared<const Program>(make_program(network, route, ops, statistics, Precision::f32));
  return program;
}

}  // namespace deepzero::cuda
