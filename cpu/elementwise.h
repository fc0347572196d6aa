// An elementwise op whose rule reads its input: a difference lives everywhere or in one channel, in place where the
// program allows.
#pragma once

#include "cpu/op.h"

namespace deepzero::cpu {

class Elementwise : public CpuOp {
 public:
  explicit Elementwise(const Op& op)
      : size_(static_cast<std::size_t>(op.input_shape().size())),
        plane_(static_cast<std::size_t>(op.input_shape().plane())) {}

  void base(const BaseCall& call) const final { forward(call.inputs[0], size_, call.output); }
  bool in_place() const final { return true; }
  void difference(const DifferenceCall& call) const final {
    const View& d = call.in[0];
    const bool one = d.kind == Support::one;
    const float* x = base_input(call.image, size_) + (one ? static_cast<std::size_t>(d.channel) * plane_ : 0);
    rule(d.data, x, call.inverse_mu, one ? plane_ : size_, call.out);
  }

 protected:
  /// y of n values; y may be x.
  virtual void forward(const float* x, std::size_t n, float* y) const = 0;
  /// Scaled differences of n values; y may be d.
  virtual void rule(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) const = 0;

 private:
  std::size_t size_, plane_;
};

}  // namespace deepzero::cpu
