// The channels of a, then those of b. Difference: the same on Δa and Δb; a branch that the perturbation does not reach
// is zeros, and one channel c of b becomes one channel c + C_a.
#pragma once

#include "engine/op.h"

namespace deepzero {

class Concat final : public Op {
 public:
  explicit Concat(const OpSpec& spec);

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
