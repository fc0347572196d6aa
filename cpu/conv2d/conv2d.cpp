// Convolution on the CPU: base pass and difference share a kernel, the dense one or, where most weights are zero, the
// sparse one; a one-channel difference reads one input channel of the weights. Where it is faster than both, a dense
// difference is convolved by the Winograd kernels. A direction u gives W∗d + U∗(x + μ·d) + u_b, which is one
// convolution over twice the channels: (W + μ·U, U) ∗ (d, x) + u_b.
#include "engine/ops/conv2d.h"
#include "cpu/conv2d/kernel.h"
#include "cpu/conv2d/sparse_weights.h"
#include "cpu/registry.h"
#include "cpu/winograd/kernel.h"

#include <algorithm>

#include "cpu/memory.h"

namespace deepzero::cpu {
namespace {

// Share of weights that are not zero up to which the sparse kernels are taken. They are faster from 65 % zeros on for
// all shapes of ResNet-20, on every instruction set; at 50 % some shapes gain nothing
// (docs/results/2026-11-24-sparse-convolution.md).
constexpr double kMostSparse = 0.35;
// The same beside the Winograd kernels: below 10 to 25 % of all weights the sparse ones are faster, by shape and
// instruction set.
constexpr double kMostSparseBesideWinograd = 0.15;

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
        single_(geometry_),
        packed_(kernels_.packed_floats(geometry_)),
        lists_of_input_(static_cast<std::size_t>(in_.c)) {
    pair_.in_channels *= 2;
    single_.in_channels = 1;
    fits_winograd_ = winograd_.pays(geometry_, winograd_.images(geometry_));
    if (fits_winograd_) winograd_packed_ = Buffer(winograd_.packed_floats(geometry_));
  }

  void load(const float* weight, const float* bias, const float*) override {
    weight_ = weight;
    bias_ = bias;
    const std::ptrdiff_t taps = geometry_.kernel_h * geometry_.kernel_w, inner = in_.c * taps, all = out_.c * inner;
    const std::ptrdiff_t few = all - std::count(weight, weight + all, 0.0f);
    const double share = static_cast<double>(few) / static_cast<double>(all);
    by_winograd_ = fits_winograd_ && share > kMostSparseBesideWinograd;
    if (by_winograd_) winograd_.pack(geometry_, weight, winograd_packed_.data());
    sparse_ = share <= kMostSparse;
    if (sparse_) {
      lists_.assign(geometry_, kernels_, weight, static_cast<std::size_t>(inner));
      for (SparseLists& lists : lists_of_input_) {
        lists.assign(single_, kernels_, weight, static_cast<std::size_t>(inner));
        weight += taps;
      }
    } else {
      kernels_.pack(geometry_, weight, packed_.data());
    }
  }
  std::size_t scratch_floats() const override {
    const std::size_t direct = kernels_.scratch_floats(pair_);
    return fits_winograd_ ? std::max(direct, winograd_.scratch_floats(geometry_)) : direct;
  }

  void base(const BaseCall& call) const override { convolve(call.inputs[0], bias_, call.output, call.scratch); }

  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const Moved& moved = call.moved;
    const float* x = moved.weight != nullptr ? base_input(call.image, static_cast<std::size_t>(in_.size())) : nullptr;
    if (d.kind == Support::one && sparse_)
      kernels_.sparse(single_, d.data, lists_of_input_[static_cast<std::size_t>(d.channel)].view(), nullptr, call.out,
                      call.scratch);
    else if (d.kind == Support::one)
      kernels_.one_channel(geometry_, d.data, d.channel, weight_, call.out, call.scratch);
    else if (x != nullptr && d.kind == Support::dense)
      kernels_.dense_pair(pair_, d.data, x, moved.packed, moved.bias, call.out, call.scratch);
    else if (x != nullptr)
      kernels_.dense(geometry_, x, moved.packed + kernels_.packed_floats(pair_), moved.bias, call.out, call.scratch);
    else if (d.kind == Support::dense)
      convolve(d.data, moved.bias, call.out, call.scratch);
    else
      for (int c = 0; c < out_.c; ++c) std::fill_n(call.out + c * out_.plane(), out_.plane(), moved.bias[c]);
  }

  int images() const override { return fits_winograd_ ? winograd_.images(geometry_) : 1; }
  bool differences(const DifferenceCall& call, int images) const override {
    const View& d = call.in[0];
    if (!by_winograd_ || d.kind != Support::dense || call.moved.any()) return false;
    if (!winograd_.pays(geometry_, images)) return false;
    winograd_.forward(geometry_, d.data, images, winograd_packed_.data(), call.out, call.scratch, call.ahead);
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
  void convolve(const float* x, const float* bias, float* y, float* scratch) const {
    if (sparse_)
      kernels_.sparse(geometry_, x, lists_.view(), bias, y, scratch);
    else
      kernels_.dense(geometry_, x, packed_.data(), bias, y, scratch);
  }

  const ConvKernels& kernels_;
  const WinogradKernels& winograd_;
  Shape in_, out_;
  ConvGeometry geometry_;
  ConvGeometry pair_;    ///< of a difference and the base input side by side
  ConvGeometry single_;  ///< of one input channel
  Buffer packed_;        ///< where the dense kernels work
  bool fits_winograd_ = false;
  bool by_winograd_ = false;
  Buffer winograd_packed_;  ///< where the Winograd kernels do
  bool sparse_ = false;
  SparseLists lists_;                        ///< where the sparse ones do, of all input channels
  std::vector<SparseLists> lists_of_input_;  ///< and of each
  const float* weight_ = nullptr;
  const float* bias_ = nullptr;
};

}  // namespace

std::unique_ptr<CpuOp> make_conv2d(const Op& op, Isa isa) {
  return std::make_unique<CpuConv2d>(static_cast<const Conv2d&>(op), isa);
}

}  // namespace deepzero::cpu
