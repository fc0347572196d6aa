// ReLU on the CPU: elementwise, in place where the program allows.
#include "engine/ops/relu.h"
#include "cpu/registry.h"
#include "cpu/relu/kernel.h"

namespace deepzero::cpu {
namespace {

class CpuRelu final : public CpuOp {
 public:
  CpuRelu(const Relu& op, Isa isa)
      : kernels_(relu_kernels(isa)),
        size_(static_cast<std::size_t>(op.input_shape().size())),
        plane_(static_cast<std::size_t>(op.input_shape().plane())) {}

  void base(const BaseCall& call) const override { kernels_.forward(call.inputs[0], size_, call.output); }
  bool in_place() const override { return true; }
  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const float* x = base_input(call.image, size_);
    if (d.kind == Support::one)
      kernels_.difference(d.data, x + static_cast<std::size_t>(d.channel) * plane_, call.inverse_mu, plane_, call.out);
    else
      kernels_.difference(d.data, x, call.inverse_mu, size_, call.out);
  }

 private:
  const ReluKernels& kernels_;
  std::size_t size_, plane_;
};

}  // namespace

std::unique_ptr<CpuOp> make_relu(const Op& op, Isa isa) {
  return std::make_unique<CpuRelu>(static_cast<const Relu&>(op), isa);
}

}  // namespace deepzero::cpu
