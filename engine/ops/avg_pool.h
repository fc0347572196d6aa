// Average pooling. Padding counts as zeros that are averaged too, as in PyTorch (count_include_pad). Difference: the
// same on Δx.
#pragma once

#include "engine/op.h"

namespace deepzero {

class AvgPool final : public Op {
 public:
  explicit AvgPool(const OpSpec& spec);

  int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;

  Shape infer(std::span<const Shape> inputs) override;
  double cost(std::span<const Support> in) const override;
  void forward(const Pass<float>& pass) const override;
  void forward(const Pass<double>& pass) const override;

 private:
  template <class T>
  void run(const Pass<T>& pass) const;
};

}  // namespace deepzero
