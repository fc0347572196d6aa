// y = max(x, 0). Difference: x > 0 ? max(Δx, −x) : max(0, x + Δx) (engine/rules/relu.h).
#pragma once

#include "engine/op.h"

namespace deepzero {

class Relu final : public Op {
 public:
  explicit Relu(const OpSpec& spec);

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
