// Option A shortcut (He et al. 2016, section 3.3): every stride-th row and column, and (C_out − C_in)/2 channels of
// zeros on both sides. Difference: the same on Δx; one channel c becomes one channel c + (C_out − C_in)/2.
#pragma once

#include "engine/op.h"

namespace deepzero {

class ShortcutA final : public Op {
 public:
  explicit ShortcutA(const OpSpec& spec);

  int out_channels, stride;
  int channel_shift() const { return (out_channels - input_shape().c) / 2; }

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
