// Linear layer on the CPU, weights transposed once per load so that a one-channel difference reads whole rows.
#include "engine/ops/linear.h"
#include "cpu/linear/kernel.h"
#include "cpu/registry.h"

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
  void base(const BaseCall& call) override {
    call.pool.for_each(call.count, [&](int, int n) {
      kernels_.forward(call.inputs[0] + static_cast<std::size_t>(n) * features_, 0, features_, transposed_.data(),
                       bias_, out_, call.output + static_cast<std::size_t>(n) * out_);
    });
  }
  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const bool one = d.kind == Support::one;
    kernels_.forward(d.data, one ? static_cast<std::size_t>(d.channel) * plane_ : 0, one ? plane_ : features_,
                     transposed_.data(), nullptr, out_, call.out);
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
