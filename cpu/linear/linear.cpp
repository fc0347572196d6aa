// Linear layer on the CPU, weights transposed once per load so that a one-channel difference reads whole rows. A
// direction u gives (W + μ·U)·d + U·x + u_b: both matrices are transposed once per direction.
#include "engine/ops/linear.h"
#include "cpu/linear/kernel.h"
#include "cpu/registry.h"

#include <algorithm>
#include <vector>

namespace deepzero::cpu {
namespace {

class CpuLinear final : public CpuOp {
 public:
  CpuLinear(const Linear& op, Isa isa)
      : kernels_(linear_kernels(isa)),
        features_(static_cast<std::size_t>(op.input_shape().size())),
        plane_(static_cast<std::size_t>(op.input_shape().plane())),
        out_(static_cast<std::size_t>(op.out_features)),
        transposed_(features_ * out_) {}

  void load(const float* weight, const float* bias, const float*) override {
    bias_ = bias;
    for (std::size_t o = 0; o < out_; ++o)
      for (std::size_t j = 0; j < features_; ++j) transposed_[j * out_ + o] = weight[o * features_ + j];
  }
  void base(const BaseCall& call) const override {
    kernels_.forward(call.inputs[0], 0, features_, transposed_.data(), bias_, out_, call.output);
  }
  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const Moved& moved = call.moved;
    const float* start = moved.bias;
    if (d.kind != Support::none) {
      const bool one = d.kind == Support::one;
      kernels_.forward(d.data, one ? static_cast<std::size_t>(d.channel) * plane_ : 0, one ? plane_ : features_,
                       moved.weight != nullptr ? moved.packed : transposed_.data(), start, out_, call.out);
      start = call.out;
    }
    if (moved.weight != nullptr)
      kernels_.forward(base_input(call.image, features_), 0, features_, moved.packed + features_ * out_, start, out_,
                       call.out);
    else if (d.kind == Support::none)
      std::copy_n(moved.bias, out_, call.out);
  }
  std::size_t direction_floats() const override { return 2 * features_ * out_; }
  void pack_direction(const float* weight, double mu, float* packed, float*) const override {
    float* direction = packed + features_ * out_;
    for (std::size_t o = 0; o < out_; ++o)
      for (std::size_t j = 0; j < features_; ++j) direction[j * out_ + o] = weight[o * features_ + j];
    for (std::size_t i = 0; i < features_ * out_; ++i)
      packed[i] = static_cast<float>(static_cast<double>(transposed_[i]) + mu * static_cast<double>(direction[i]));
  }
  void seed(const SeedCall& call) const override {
    *call.out = call.role == 1 ? call.sign : call.sign * base_input(call.image, features_)[call.element];
  }

 private:
  const LinearKernels& kernels_;
  std::size_t features_, plane_, out_;
  std::vector<float> transposed_;  // [in][out]
  const float* bias_ = nullptr;
};

}  // namespace

std::unique_ptr<CpuOp> make_linear(const Op& op, Isa isa) {
  return std::make_unique<CpuLinear>(static_cast<const Linear&>(op), isa);
}

}  // namespace deepzero::cpu
