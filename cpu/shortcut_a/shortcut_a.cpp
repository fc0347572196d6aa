// Option A shortcut on the CPU: a strided copy per channel, zeros around. The same for values and differences.
#include "engine/ops/shortcut_a.h"
#include "cpu/registry.h"

#include <algorithm>

namespace deepzero::cpu {
namespace {

class CpuShortcutA final : public CpuOp {
 public:
  explicit CpuShortcutA(const ShortcutA& op)
      : in_(op.input_shape()), out_(op.output_shape()), shift_(op.channel_shift()), stride_(op.stride) {}

  void base(const BaseCall& call) const override { image(call.inputs[0], call.output); }
  void difference(const DifferenceCall& call) const override {
    if (call.in[0].kind == Support::one)
      plane(call.in[0].data, call.out);
    else
      image(call.in[0].data, call.out);
  }

 private:
  void image(const float* x, float* y) const {
    const std::ptrdiff_t margin = static_cast<std::ptrdiff_t>(shift_) * out_.plane();
    std::fill_n(y, margin, 0.0f);
    for (int c = 0; c < in_.c; ++c) plane(x + c * in_.plane(), y + margin + c * out_.plane());
    std::fill_n(y + out_.size() - margin, margin, 0.0f);
  }
  void plane(const float* x, float* y) const {
    for (int i = 0; i < out_.h; ++i)
      for (int j = 0; j < out_.w; ++j) y[i * out_.w + j] = x[i * stride_ * in_.w + j * stride_];
  }

  Shape in_, out_;
  int shift_, stride_;
};

}  // namespace

std::unique_ptr<CpuOp> make_shortcut_a(const Op& op, Isa) {
  return std::make_unique<CpuShortcutA>(static_cast<const ShortcutA&>(op));
}

}  // namespace deepzero::cpu
