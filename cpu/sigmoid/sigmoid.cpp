// Sigmoid on the CPU.
#include "engine/ops/sigmoid.h"
#include "cpu/elementwise.h"
#include "cpu/registry.h"
#include "cpu/sigmoid/kernel.h"

namespace deepzero::cpu {
namespace {

class CpuSigmoid final : public Elementwise {
 public:
  CpuSigmoid(const Sigmoid& op, Isa isa) : Elementwise(op), kernels_(sigmoid_kernels(isa)) {}

 protected:
  void forward(const float* x, std::size_t n, float* y) const override { kernels_.sigmoid(x, n, y); }
  void rule(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) const override {
    kernels_.sigmoid_difference(d, x, inverse_mu, n, y);
  }

 private:
  const SigmoidKernels& kernels_;
};

}  // namespace

std::unique_ptr<CpuOp> make_sigmoid(const Op& op, Isa isa) {
  return std::make_unique<CpuSigmoid>(static_cast<const Sigmoid&>(op), isa);
}

}  // namespace deepzero::cpu
