// The channels of a, then those of b. Differences likewise: a branch that the perturbation does not reach is zeros, and
// one channel stays one channel.
#include "cuda/elements.cuh"
#include "cuda/registry.h"

namespace deepzero::cuda {
namespace {

/// One of the two inputs, whose channels start at `first` of the output's.
template <class T>
struct Part {
  const T* d;
  Support::Kind kind;
  int channel;  ///< that it is in, where it is one
  int first, channels, plane;
  /// At channel c of the output and pixel p.
  __device__ float at(std::size_t image, int c, int p) const {
    if (kind == Support::none) return 0;
    if (kind == Support::dense) return widened(d[(image * channels + (c - first)) * plane + p]);
    return c - first == channel ? widened(d[image * plane + p]) : 0;
  }
};

template <class T>
struct Joined {
  Part<T> a, b;
  int count;
  __device__ float operator()(const Element& e) const {
    const int c = e.i / a.plane, p = e.i % a.plane;
    return (c < b.first ? a : b).at(static_cast<std::size_t>(e.query) * count + e.image, c, p);
  }
};

/// The one channel that there is.
template <class T>
struct SameChannel {
  const T* d;
  __device__ float operator()(const Element& e) const { return widened(d[e.at]); }
};

class CudaConcat final : public CudaOp {
 public:
  explicit CudaConcat(const Op& op) : a_(op.input_shape(0)), b_(op.input_shape(1)) {}

  void base(const BaseCall& call) override {
    join<float>({call.stream, 1, call.count, 1}, {call.inputs[0], Support::dense}, {call.inputs[1], Support::dense},
                {call.output});
  }
  void difference(const DifferenceCall& call) const override {
    const Block& block = call.block;
    const View& reached = call.in[0].kind != Support::none ? call.in[0] : call.in[1];
    with_stored(block, [&]<class T>() {
      if (call.out_kind == Support::dense)
        join<T>(block, call.in[0], call.in[1], destination<T>(call));
      else
        launch_difference("concat_channel", block, a_.plane(), destination<T>(call), SameChannel<T>{reached.as<T>()});
    });
  }

 private:
  template <class T>
  void join(const Block& block, const View& a, const View& b, const Destination<T>& y) const {
    const auto part = [](const View& view, int first, const Shape& shape) {
      return Part<T>{view.as<T>(), view.kind, view.channel, first, shape.c, shape.plane()};
    };
    launch_difference("concat", block, a_.size() + b_.size(), y,
                      Joined<T>{part(a, 0, a_), part(b, a_.c, b_), block.count});
  }

  Shape a_, b_;
};

}  // namespace

std::unique_ptr<CudaOp> make_concat(const Op& op) { return std::make_unique<CudaConcat>(op); }

}  // namespace deepzero::cuda
