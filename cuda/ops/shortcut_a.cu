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
    const ShortcutA<T> each{x, one ? 1 : in_.c, in_.h, in_.w, out_.h, out_.w, one ? 0 : shift_, stride_, block.count};
    const int size = one ? out_.plane() : out_.size();
    if constexpr (sizeof(T) == 2)
      if (stride_ <= 2 && out_.w % kVector == 0 && in_.w == out_.w * stride_ && y.whole == nullptr) {
        const int vectors = size / kVector;
        const ElementGrid grid(block, vectors, kElementThreads);
        const int threads = element_threads(vectors * grid.group);
        launch("shortcut_vectors", shortcut_vectors<T>, grid.blocks(), static_cast<unsigned>(threads), 0, block.stream,
               each, y, grid);
        return;
      }
    launch_difference("shortcut_a", block, size, y, each);
  }

  Shape in_, out_;
  int shift_, stride_;
};

}  // namespace

std::unique_ptr<CudaOp> make_shortcut_a(const Op& op) {
  return std::make_unique<CudaShortcutA>(static_cast<const deepzero::ShortcutA&>(op));
}

}  // namespace deepzero::cuda
