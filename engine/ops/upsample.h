// Nearest-neighbour upsampling by a whole factor: every pixel becomes scale×scale of them. Difference: the same on Δx.
#pragma once

#include "engine/op.h"

namespace deepzero {

class Upsample final : public Op {
 public:
  explicit Upsample(const OpSpec& spec);

  int scale;

  Shape infer(std::span<const Shape> inputs) override;
  double cost(std::span<const Support> in) const override;
  void forward(const Pass<float>& pass) const override;
  void forward(const Pass<double>& pass) const override;

 private:
  template <class T>
  void run(const Pass<T>& pass) const;
};

}  // namespace deepzero
