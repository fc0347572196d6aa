// Leaky ReLU on the CPU.
#include "engine/ops/leaky_relu.h"
#include "cpu/elementwise.h"
#include "cpu/leaky_relu/kernel.h"
#include "cpu/registry.h"

namespace deepzero::cpu {
namespace {

class CpuLeakyRelu final : public Elementwise {
 public:
  CpuLeakyRelu(const LeakyRelu& op, Isa isa)
      : Elementwise(op), kernels_(leaky_relu_kernels(isa)), slope_(static_cast<float>(op.slope)) {}

 protected:
  void forward(const float* x, std::size_t n, float* y) const override { kernels_.forward(x, slope_, n, y); }
  void rule(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) const override {
    kernels_.difference(d, x, slope_, inverse_mu, n, y);
  }

 private:
  const LeakyReluKernels& kernels_;
  float slope_;
};

}  // namespace

std::unique_ptr<CpuOp> make_leaky_relu(const Op& op, Isa isa) {
  return std::make_unique<CpuLeakyRelu>(static_cast<const LeakyRelu&>(op), isa);
}

}  // namespace deepzero::cpu
