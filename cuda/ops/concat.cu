// The channels of a, then those of b. Differences likewise: a branch that the perturbation does not reach is zeros, and
// one channel stays one channel.
#include "cuda/elements.cuh"
#include "cuda/op.h"
#include "cuda/registry.h"

namespace deepzero::cuda {
namespace {

/// One of the two inputs, whose channels start at `first` of the output's.
struct Part {
  View view;
  int first, channels, plane;
  /// At channel c of the output and pixel p.
  __device__ float at(std::size_t image, int c, int p) const {
    if (view.kind == Support::none) return 0;
    if (view.kind == Support::dense) return view.data[(image * channels + (c - first)) * plane + p];
    return c - first == view.channel ? view.data[image * plane + p] : 0;
  }
};

struct Joined {
  Part a, b;
  int count;
  float* y;
  __device__ void operator()(const Element& e) const {
    const int c = e.i / a.plane, p = e.i % a.plane;
    y[e.at] = (c < b.first ? a : b).at(static_cast<std::size_t>(e.query) * count + e.image, c, p);
  }
};

class CudaConcat final : public CudaOp {
 public:
  explicit CudaConcat(const Op& op) : a_(op.input_shape(0)), b_(op.input_shape(1)) {}

  void base(const BaseCall& call) override {
    join({call.stream, 1, call.count, 1}, {call.inputs[0], Support::dense}, {call.inputs[1], Support::dense},
         call.output);
  }
  void difference(const DifferenceCall& call) const override {
    const Block& block = call.block;
    if (call.out_kind == Support::dense) return join(block, call.in[0], call.in[1], call.out);
    const View& reached = call.in[0].kind != Support::none ? call.in[0] : call.in[1];
    block.stream.on_device(call.out, reached.data,
                           static_cast<std::size_t>(block.images()) * static_cast<std::size_t>(a_.plane()));
  }

 private:
  void join(const Block& block, const View& a, const View& b, float* y) const {
    launch_elements("concat", block, a_.size() + b_.size(),
                    Joined{{a, 0, a_.c, a_.plane()}, {b, a_.c, b_.c, b_.plane()}, block.count, y});
  }

  Shape a_, b_;
};

}  // namespace

std::unique_ptr<CudaOp> make_concat(const Op& op) { return std::make_unique<CudaConcat>(op); }

}  // namespace deepzero::cuda
