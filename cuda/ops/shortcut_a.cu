#include "cuda/ops/shortcut_a.cuh"
#include "engine/ops/shortcut_a.h"

#include "cuda/registry.h"

namespace deepzero::cuda {
namespace {

class CudaShortcutA final : public CudaOp {
 public:
  explicit CudaShortcutA(const deepzero::ShortcutA& op)
      : in_(op.input_shape()), out_(op.output_shape()), shift_(op.channel_shift()), stride_(op.stride) {}

  void base(const BaseCall& call) override {
    copy({call.stream, 1, call.count, 1}, call.inputs[0], false, call.output);
  }
  void difference(const DifferenceCall& call) const override {
    copy(call.block, call.in[0].data, call.in[0].kind == Support::one, call.out);
  }

 private:
  void copy(const Block& block, const float* x, bool one, float* y) const {
    launch_elements(
        "shortcut_a", block, one ? out_.plane() : out_.size(),
        ShortcutA{x, one ? 1 : in_.c, in_.h, in_.w, out_.h, out_.w, one ? 0 : shift_, stride_, block.count, y});
  }

  Shape in_, out_;
  int shift_, stride_;
};

}  // namespace

std::unique_ptr<CudaOp> make_shortcut_a(const Op& op) {
  return std::make_unique<CudaShortcutA>(static_cast<const deepzero::ShortcutA&>(op));
}

}  // namespace deepzero::cuda
