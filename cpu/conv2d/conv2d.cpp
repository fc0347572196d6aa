// Convolution on the CPU: base pass and difference share the dense kernel; a one-channel difference reads one input
// channel of the weights.
#include "engine/ops/conv2d.h"
#include "cpu/conv2d/kernel.h"
#include "cpu/registry.h"

#include <algorithm>

#include "cpu/memory.h"

namespace deepzero::cpu {
namespace {

class CpuConv2d final : public CpuOp {
 public:
  CpuConv2d(const Conv2d& op, Isa isa)
      : kernels_(conv_kernels(isa)),
        in_(op.input_shape()),
        out_(op.output_shape()),
        geometry_{in_.c,       in_.h,       in_.w,       out_.c,      out_.h,   out_.w,
                  op.kernel_h, op.kernel_w, op.stride_h, op.stride_w, op.pad_h, op.pad_w},
        packed_(kernels_.packed_floats(geometry_)) {}

  void load(const float* weight, const float* bias, const float*) override {
    weight_ = weight;
    bias_ = bias;
    kernels_.pack(geometry_, weight, packed_.data());
  }
  std::size_t scratch_floats() const override { return kernels_.scratch_floats(geometry_); }

  void base(const BaseCall& call) override {
    call.pool.for_each(call.count, [&](int lane, int n) {
      const auto image = static_cast<std::size_t>(n);
      kernels_.dense(geometry_, call.inputs[0] + image * static_cast<std::size_t>(in_.size()), packed_.data(), bias_,
                     call.output + image * static_cast<std::size_t>(out_.size()),
                     call.scratch[static_cast<std::size_t>(lane)]);
    });
  }

  void difference(const DifferenceCall& call) const override {
    const View& x = call.in[0];
    if (x.kind == Support::one)
      kernels_.one_channel(geometry_, x.data, x.channel, weight_, call.out, call.scratch);
    else
      kernels_.dense(geometry_, x.data, packed_.data(), nullptr, call.out, call.scratch);
  }

  void seed(const SeedCall& call) const override {
    if (call.role == 1) {
      std::fill_n(call.out, out_.plane(), call.sign);
      return;
    }
    const int kw = call.element % geometry_.kernel_w, kh = call.element / geometry_.kernel_w % geometry_.kernel_h;
    const int ci = call.element / (geometry_.kernel_w * geometry_.kernel_h);
    kernels_.shift(geometry_, base_input(call.image, static_cast<std::size_t>(in_.size())) + ci * in_.plane(), kh, kw,
                   call.out);
    if (call.sign < 0) std::transform(call.out, call.out + out_.plane(), call.out, [](float d) { return -d; });
  }

 private:
  const ConvKernels& kernels_;
  Shape in_, out_;
  ConvGeometry geometry_;
  Buffer packed_;
  const float* weight_ = nullptr;
  const float* bias_ = nullptr;
};

}  // namespace

std::unique_ptr<CpuOp> make_conv2d(const Op& op, Isa isa) {
  return std::make_unique<CpuConv2d>(static_cast<const Conv2d&>(op), isa);
}

}  // namespace deepzero::cpu
