// Max-pooling on the CPU, plane by plane.
#include "engine/ops/max_pool.h"
#include "cpu/max_pool/kernel.h"
#include "cpu/registry.h"

namespace deepzero::cpu {
namespace {

class CpuMaxPool final : public CpuOp {
 public:
  CpuMaxPool(const MaxPool& op, Isa isa)
      : kernels_(max_pool_kernels(isa)),
        in_(op.input_shape()),
        out_(op.output_shape()),
        geometry_{in_.h,       in_.w,       out_.h,      out_.w,   op.kernel_h,
                  op.kernel_w, op.stride_h, op.stride_w, op.pad_h, op.pad_w} {}

  void base(const BaseCall& call) const override {
    for (int c = 0; c < in_.c; ++c)
      kernels_.forward(geometry_, call.inputs[0] + c * in_.plane(), call.output + c * out_.plane());
  }
  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const float* x = base_input(call.image, static_cast<std::size_t>(in_.size()));
    const float* y = base_output(call.image, static_cast<std::size_t>(out_.size()));
    const bool one = d.kind == Support::one;
    for (int c = 0; c < (one ? 1 : in_.c); ++c) {
      const int channel = one ? d.channel : c;
      kernels_.difference(geometry_, d.data + c * in_.plane(), x + channel * in_.plane(), y + channel * out_.plane(),
                          call.inverse_mu, call.out + c * out_.plane());
    }
  }

 private:
  const MaxPoolKernels& kernels_;
  Shape in_, out_;
  PoolGeometry geometry_;
};

}  // namespace

std::unique_ptr<CpuOp> make_max_pool(const Op& op, Isa isa) {
  return std::make_unique<CpuMaxPool>(static_cast<const MaxPool&>(op), isa);
}

}  // namespace deepzero::cpu
