// Batch norm: y = γ·(x − m)/√(v + ε) + β per channel, with the batch's mean and variance or the running ones.
// Difference with batch statistics: engine/rules/batch_norm.h. Seed of γ(c): μ·x̂[c]; of β(c): μ.
#pragma once

#include "engine/op.h"

namespace deepzero {

class BatchNorm final : public Op {
 public:
  explicit BatchNorm(const OpSpec& spec);

  double eps, momentum;

  Shape infer(std::span<const Shape> inputs) override { return inputs[0]; }
  std::vector<ParameterInfo> parameters() const override;
  std::vector<BufferInfo> buffers() const override;
  bool barrier(Statistics statistics) const override { return statistics == Statistics::batch; }
  bool absorbs_constant(Statistics statistics) const override { return statistics == Statistics::batch; }
  double cost(std::span<const Support> in) const override;
  void forward(const Pass<float>& pass) const override;
  void forward(const Pass<double>& pass) const override;

 private:
  template <class T>
  void run(const Pass<T>& pass) const;
};

}  // namespace deepzero
