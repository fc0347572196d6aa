// A function of each element as an op: its values, and its difference rule on a dense difference or one channel of it.
// Function has value(x) and difference(d, x, inverse_mu), for the device.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/op.h"

namespace deepzero::cuda {
namespace {

template <class Function>
struct ActivationForward {
  Function f;
  const float* x;
  float* y;
  __device__ void operator()(const Element& e) const { y[e.at] = f.value(x[e.at]); }
};

template <class Function, class T>
struct ActivationDifference {
  Function f;
  const T* d;
  const float* x;  ///< base input from the first channel of d on
  int stride;      ///< floats of x per image
  float inverse_mu;
  __device__ float operator()(const Element& e) const {
    return f.difference(widened(d[e.at]), x[static_cast<std::size_t>(e.image) * stride + e.i], inverse_mu);
  }
};

template <class Function>
class Activation final : public CudaOp {
 public:
  Activation(const Op& op, const Function& f) : shape_(op.input_shape()), f_(f) {}

  void base(const BaseCall& call) override {
    launch_elements("activation_forward", {call.stream, 1, call.count, 1}, shape_.size(),
                    ActivationForward<Function>{f_, call.inputs[0], call.output});
  }
  bool in_place() const override { return true; }
  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const bool one = d.kind == Support::one;
    const float* x = base_input() + (one ? d.channel * shape_.plane() : 0);
    with_stored(call.block, [&]<class T>() {
      launch_difference("activation_difference", call.block, one ? shape_.plane() : shape_.size(), destination<T>(call),
                        ActivationDifference<Function, T>{f_, d.as<T>(), x, shape_.size(), call.block.inverse_mu()});
    });
  }

 private:
  Shape shape_;
  Function f_;
};

}  // namespace
}  // namespace deepzero::cuda
