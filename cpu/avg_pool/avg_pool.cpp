// Average pooling on the CPU, plane by plane, of values and differences alike.
#include "engine/ops/avg_pool.h"
#include "cpu/avg_pool/kernel.h"
#include "cpu/registry.h"

namespace deepzero::cpu {
namespace {

class CpuAvgPool final : public CpuOp {
 public:
  CpuAvgPool(const AvgPool& op, Isa isa)
      : kernels_(avg_pool_kernels(isa)),
        in_(op.input_shape()),
        out_(op.output_shape()),
        geometry_{in_.h,       in_.w,       out_.h,      out_.w,   op.kernel_h,
                  op.kernel_w, op.stride_h, op.stride_w, op.pad_h, op.pad_w} {}

  void base(const BaseCall& call) const override { planes(call.inputs[0], in_.c, call.output); }
  void difference(const DifferenceCall& call) const override {
    planes(call.in[0].data, call.in[0].kind == Support::one ? 1 : in_.c, call.out);
  }

 private:
  void planes(const float* x, int count, float* y) const {
    for (int c = 0; c < count; ++c) kernels_.forward(geometry_, x + c * in_.plane(), y + c * out_.plane());
  }

  const AvgPoolKernels& kernels_;
  Shape in_, out_;
  PoolGeometry geometry_;
};

}  // namespace

std::unique_ptr<CpuOp> make_avg_pool(const Op& op, Isa isa) {
  return std::make_unique<CpuAvgPool>(static_cast<const AvgPool&>(op), isa);
}

}  // namespace deepzero::cpu
