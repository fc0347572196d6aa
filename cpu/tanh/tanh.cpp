// Tanh on the CPU; its kernels stand beside those of the sigmoid, whose rule is its own.
#include "engine/ops/tanh.h"
#include "cpu/elementwise.h"
#include "cpu/registry.h"
#include "cpu/sigmoid/kernel.h"

namespace deepzero::cpu {
namespace {

class CpuTanh final : public Elementwise {
 public:
  CpuTanh(const Tanh& op, Isa isa) : Elementwise(op), kernels_(sigmoid_kernels(isa)) {}

 protected:
  void forward(const float* x, std::size_t n, float* y) const override { kernels_.tanh(x, n, y); }
  void rule(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) const override {
    kernels_.tanh_difference(d, x, inverse_mu, n, y);
  }

 private:
  const SigmoidKernels& kernels_;
};

}  // namespace

std::unique_ptr<CpuOp> make_tanh(const Op& op, Isa isa) {
  return std::make_unique<CpuTanh>(static_cast<const Tanh&>(op), isa);
}

}  // namespace deepzero::cpu
