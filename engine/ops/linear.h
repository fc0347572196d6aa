// y = W·x + b on the flattened input: W [O][C·H·W], b [O], output [O][1][1]. Difference: W·Δx. Seed of W(o, j):
// μ·x[j] in output o; of b(o): μ.
#pragma once

#include "engine/op.h"

namespace deepzero {

class Linear final : public Op {
 public:
  explicit Linear(const OpSpec& spec);

  int out_features;
  bool has_bias;

  Shape infer(std::span<const Shape> inputs) override;
  std::vector<ParameterInfo> parameters() const override;
  Support propagate(std::span<const Support> in) const override;
  bool reads_input() const override { return true; }
  double cost(std::span<const Support> in) const override;
  void forward(const Pass<float>& pass) const override;
  void forward(const Pass<double>& pass) const override;

 private:
  template <class T>
  void run(const Pass<T>& pass) const;
};

}  // namespace deepzero
