// Max-pooling; padding counts as −∞. Difference: with j the base arg-max, max_k((x_k − x_j) + Δx_k).
#pragma once

#include "engine/op.h"

namespace deepzero {

class MaxPool final : public Op {
 public:
  explicit MaxPool(const OpSpec& spec);

  int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;

  Shape infer(std::span<const Shape> inputs) override;
  bool reads_input() const override { return true; }
  bool reads_output() const override { return true; }
  double cost(std::span<const Support> in) const override;
  void forward(const Pass<float>& pass) const override;
  void forward(const Pass<double>& pass) const override;

 private:
  template <class T>
  void run(const Pass<T>& pass) const;
};

}  // namespace deepzero
