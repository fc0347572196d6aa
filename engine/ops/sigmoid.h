// y = 1/(1 + exp(−x)). Difference: the closed form of engine/rules/sigmoid.h, which subtracts nothing.
#pragma once

#include "engine/op.h"

namespace deepzero {

class Sigmoid final : public Op {
 public:
  explicit Sigmoid(const OpSpec& spec);

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
