// y = x for x > 0, slope·x elsewhere, with 0 ≤ slope ≤ 1: the larger of the two. Difference
// (engine/rules/leaky_relu.h): x > 0 ? max(Δx, slope·Δx − (1 − slope)·x) : max(slope·Δx, Δx + (1 − slope)·x).
#pragma once

#include "engine/op.h"

namespace deepzero {

class LeakyRelu final : public Op {
 public:
  explicit LeakyRelu(const OpSpec& spec);

  double slope;

  Shape infer(std::span<const Shape> inputs) override { return inputs[0]; }
  bool reads_input() const override { return true; }
  double cost(std::span<const Support> in) const override;
  void forward(const Pass<float>& pass) const override;
  void forward(const Pass<double>& pass) const override;

 private:
  template <class T>
  void run(const Pass<T>& pass) const;
};

}  // namespace deepzero
