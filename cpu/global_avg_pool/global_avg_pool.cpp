// Global average pooling on the CPU: the mean of each plane, of values and differences alike.
#include "engine/ops/global_avg_pool.h"
#include "cpu/global_avg_pool/kernel.h"
#include "cpu/registry.h"

namespace deepzero::cpu {
namespace {

class CpuGlobalAvgPool final : public CpuOp {
 public:
  CpuGlobalAvgPool(const GlobalAvgPool& op, Isa isa) : kernels_(global_avg_pool_kernels(isa)), in_(op.input_shape()) {}

  void base(const BaseCall& call) const override { means(call.inputs[0], in_.c, call.output); }
  void difference(const DifferenceCall& call) const override {
    means(call.in[0].data, call.in[0].kind == Support::one ? 1 : in_.c, call.out);
  }

 private:
  void means(const float* x, int planes, float* y) const {
    for (int c = 0; c < planes; ++c) y[c] = kernels_.mean(x + c * in_.plane(), static_cast<std::size_t>(in_.plane()));
  }

  const GlobalAvgPoolKernels& kernels_;
  Shape in_;
};

}  // namespace

std::unique_ptr<CpuOp> make_global_avg_pool(const Op& op, Isa isa) {
  return std::make_unique<CpuGlobalAvgPool>(static_cast<const GlobalAvgPool&>(op), isa);
}

}  // namespace deepzero::cpu
