// Average pooling. Padding counts as zeros that are averaged too, as in PyTorch (count_include_pad). Difference: the
// same on Δx.
#pragma once

#include "engine/ops/pooling.h"

namespace deepzero {

class AvgPool final : public Pooling {
 public:
  explicit AvgPool(const OpSpec& spec) : Pooling(spec) {}

  double cost(std::span<const Support> in) const override;
  void forward(const Pass<float>& pass) const override;
  void forward(const Pass<double>& pass) const override;

 private:
  template <class T>
  void run(const Pass<T>& pass) const;
};

}  // namespace deepzero
