// y = a + b, the residual sum. Difference: Δa + Δb; a branch that the perturbation does not reach contributes 0.
#pragma once

#include "engine/op.h"

namespace deepzero {

class Add final : public Op {
 public:
  explicit Add(const OpSpec& spec);

  Shape infer(std::span<const Shape> inputs) override;
  Support propagate(std::span<const Support> in) const override;
  double cost(std::span<const Support> in) const override;
  void forward(const Pass<float>& pass) const override;
  void forward(const Pass<double>& pass) const override;

 private:
  template <class T>
  void run(const Pass<T>& pass) const;
};

}  // namespace deepzero
