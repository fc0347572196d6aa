// Convolution on the CPU: base pass and difference share the dense kernel; a one-channel difference reads one input
// channel of the weights. A direction u gives W∗d + U∗(x + μ·d) + u_b, which is one convolution over twice the
// channels: (W + μ·U, U) ∗ (d, x) + u_b. Where it is faster, a dense difference is convolved by the Winograd kernels.
#include "engine/ops/conv2d.h"
#include "cpu/conv2d/kernel.h"
#include "cpu/registry.h"
#include "cpu/winograd/kernel.h"

#include <algorithm>

#include "cpu/memory.h"

namespace deepzero::cpu {
namespace {

class CpuConv2d final : public CpuOp {
 public:
  CpuConv2d(const Conv2d& op, Isa isa)
      : kernels_(conv_kernels(isa)),
        winograd_(winograd_kernels(isa)),
        in_(op.input_shape()),
        out_(op.output_shape()),
        geometry_{in_.c,       in_.h,       in_.w,       out_.c,      out_.h,   out_.w,
                  op.kernel_h, op.kernel_w, op.stride_h, op.stride_w, op.pad_h, op.pad_w},
        pair_(geometry_),
        packed_(kernels_.packed_floats(geometry_)) {
    pair_.in_channels *= 2;
    if (winograd_.pays(geometry_, winograd_.images(geometry_)))
      winograd_packed_ = Buffer(winograd_.packed_floats(geometry_));
  }

  void load(const float* weight, const float* bias, const float*) override {
    weight_ = weight;
    bias_ = bias;
    kernels_.pack(geometry_, weight, packed_.data());
    if (winograd_packed_.size() > 0) winograd_.pack(geometry_, weight, winograd_packed_.data());
  }
  std::size_t scratch_floats() const override {
    const std::size_t direct = kernels_.scratch_floats(pair_);
    return winograd_packed_.size() > 0 ? std::max(direct, winograd_.scratch_floats(geometry_)) : direct;
  }

  void base(const BaseCall& call) override {
    call.pool.for_each(call.count, [&](int lane, int n) {
      const auto image = static_cast<std::size_t>(n);
      kernels_.dense(geometry_, call.inputs[0] + image * static_cast<std::size_t>(in_.size()), packed_.data(), bias_,
                     call.output + image * static_cast<std::size_t>(out_.size()),
                     call.scratch[static_cast<std::size_t>(lane)]);
    });
  }

  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const Moved& moved = call.moved;
    const float* x = moved.weight != nullptr ? base_input(call.image, static_cast<std::size_t>(in_.size())) : nullptr;
    if (d.kind == Support::one)
      kernels_.one_channel(geometry_, d.data, d.channel, weight_, call.out, call.scratch);
    else if (x != nullptr && d.kind == Support::dense)
      kernels_.dense_pair(pair_, d.data, x, moved.packed, moved.bias, call.out, call.scratch);
    else if (x != nullptr)
      kernels_.dense(geometry_, x, moved.packed + kernels_.packed_floats(pair_), moved.bias, call.out, call.scratch);
    else if (d.kind == Support::dense)
      kernels_.dense(geometry_, d.data, packed_.data(), moved.bias, call.out, call.scratch);
    else
      for (int c = 0; c < out_.c; ++c) std::fill_n(call.out + c * out_.plane(), out_.plane(), moved.bias[c]);
  }

  int images() const override { return winograd_packed_.size() > 0 ? winograd_.images(geometry_) : 1; }
  bool differences(const DifferenceCall& call, int images) const override {
    const View& d = call.in[0];
    if (winograd_packed_.size() == 0 || d.kind != Support::dense || call.moved.any()) return false;
    if (!winograd_.pays(geometry_, images)) return false;
    winograd_.forward(geometry_, d.data, images, winograd_packed_.data(), call.out, call.scratch);
    return true;
  }

  // The packed pair (W + μ·U, U), and U alone for the op where the difference starts.
  std::size_t direction_floats() const override {
    return kernels_.packed_floats(pair_) + kernels_.packed_floats(geometry_);
  }
  void pack_direction(const float* weight, double mu, float* packed, float* scratch) const override {
    const auto inner = static_cast<std::size_t>(in_.c * geometry_.kernel_h * geometry_.kernel_w);
    float* pair = scratch;
    for (int co = 0; co < out_.c; ++co, pair += 2 * inner) {
      const float *w = weight_ + static_cast<std::size_t>(co) * inner, *u = weight + (w - weight_);
      for (std::size_t i = 0; i < inner; ++i)
        pair[i] = static_cast<float>(static_cast<double>(w[i]) + mu * static_cast<double>(u[i]));
      std::copy_n(u, inner, pair + inner);
    }
    kernels_.pack(pair_, scratch, packed);
    kernels_.pack(geometry_, weight, packed + kernels_.packed_floats(pair_));
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
  const WinogradKernels& winograd_;
  Shape in_, out_;
  ConvGeometry geometry_;
  ConvGeometry pair_;  ///< of a difference and the base input side by side
  Buffer packed_;
  Buffer winograd_packed_;  ///< where the Winograd kernels are taken
  const float* weight_ = nullptr;
  const float* bias_ = nullptr;
};

}  // namespace

std::unique_ptr<CpuOp> make_conv2d(const Op& op, Isa isa) {
  return std::make_unique<CpuConv2d>(static_cast<const Conv2d&>(op), isa);
}

}  // namespace deepzero::cpu
