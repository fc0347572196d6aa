// ReLU on the CPU: elementwise.
#include "cpu/elementwise.h"
#include "cpu/registry.h"
#include "cpu/relu/kernel.h"

namespace deepzero::cpu {
namespace {

class CpuRelu final : public Elementwise {
 public:
  CpuRelu(const Op& op, Isa isa) : Elementwise(op), kernels_(relu_kernels(isa)) {}

 private:
  void forward(const float* x, std::size_t n, float* y) const override { kernels_.forward(x, n, y); }
  void rule(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) const override {
    kernels_.difference(d, x, inverse_mu, n, y);
  }

  const ReluKernels& kernels_;
};

}  // namespace

std::unique_ptr<CpuOp> make_relu(const Op& op, Isa isa) { return std::make_unique<CpuRelu>(op, isa); }

}  // namespace deepzero::cpu
