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
    copy<float>({call.stream, 1, call.count, 1}, call.inputs[0], false, {call.output});
  }
  void difference(const DifferenceCall& call) const override {
    with_stored(call.block, [&]<class T>() {
      copy<T>(call.block, call.in[0].as<T>(), call.in[0].kind == Support::one, destination<T>(call));
    });
  }

 private:
  template <class T>
  void copy(const Block& block, const T* x, bool one, const Destination<T>& y) const {
    launch_difference(
        "shortcut_a", block, one ? out_.plane() : out_.size(), y,
        ShortcutA<T>{x, one ? 1 : in_.c, in_.h, in_.w, out_.h, out_.w, one ? 0 : shift_, stride_, block.count});
  }

  Shape in_, out_;
  int shift_, stride_;
};

}  // namespace

std::unique_ptr<CudaOp> make_shortcut_a(const Op& op) {
  return std::make_unique<CudaShortcutA>(static_cast<const deepzero::ShortcutA&>(op));
}

}  // namespace deepzero::cuda
