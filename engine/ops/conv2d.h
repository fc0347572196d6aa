// Convolution, any kernel, stride and padding, with or without bias: y = W ∗ x + b. W [Co][Ci][kh][kw], b [Co].
// Difference: Δy = W ∗ Δx. Seed of W(co, ci, kh, kw): μ·shift(x[ci], kh, kw) in channel co; of b(co): μ.
#pragma once

#include "engine/op.h"

namespace deepzero {

class Conv2d final : public Op {
 public:
  explicit Conv2d(const OpSpec& spec);

  int out_channels, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
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
