// Mean over each channel's plane: [C][H][W] → [C][1][1]. Difference: the same on Δx.
#pragma once

#include "engine/op.h"

namespace deepzero {

class GlobalAvgPool final : public Op {
 public:
  explicit GlobalAvgPool(const OpSpec& spec);

  Shape infer(std::span<const Shape> inputs) override { return {inputs[0].c, 1, 1}; }
  double cost(std::span<const Support> in) const override;
  void forward(const Pass<float>& pass) const override;
  void forward(const Pass<double>& pass) const override;

 private:
  template <class T>
  void run(const Pass<T>& pass) const;
};

}  // namespace deepzero
