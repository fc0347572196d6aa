// Max-pooling; padding counts as −∞. Difference: max_k((x_k − y) + Δx_k), y being the base maximum.
#pragma once

#include "engine/ops/pooling.h"

namespace deepzero {

class MaxPool final : public Pooling {
 public:
  explicit MaxPool(const OpSpec& spec) : Pooling(spec) {}

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
