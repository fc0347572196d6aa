// Of a direction u: (W + μ·U)∗d + U∗x + u_b.
#include "cuda/ops/conv2d.cuh"
#include "engine/ops/conv2d.h"

#include "cuda/registry.h"

namespace deepzero::cuda {
namespace {

class CudaConv2d final : public CudaOp {
 public:
  explicit CudaConv2d(const Conv2d& op)
      : in_(op.input_shape()), out_(op.output_shape()), geometry_{in_.h,       in_.w,       out_.c,      out_.h,
                                                                  out_.w,      op.kernel_h, op.kernel_w, op.stride_h,
                                                                  op.stride_w, op.pad_h,    op.pad_w} {}

  void load(const float* weight, const float* bias, const float*) override {
    weight_ = weight;
    bias_ = bias;
  }
  void base(const BaseCall& call) override {
    convolution(call.stream, call.count, {geometry_, call.inputs[0], in_.c, weight_, row(), bias_, false, call.output});
  }
  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const Moved& moved = call.moved;
    const Stream& stream = call.block.stream;
    const int images = call.block.images();
    const bool reached = d.kind != Support::none;
    if (reached) {
      const bool one = d.kind == Support::one;
      const float* weight = moved.weight != nullptr ? moved.moved_weight : weight_;
      convolution(stream, images,
                  {geometry_, d.data, one ? 1 : in_.c, weight + (one ? d.channel * geometry_.taps() : 0), row(),
                   moved.bias, false, call.out});
    }
    // Without input channels it is the bias alone.
    if (moved.weight != nullptr || !reached)
      convolution(stream, images,
                  {geometry_, base_input(), moved.weight != nullptr ? in_.c : 0, moved.weight, row(),
                   reached ? nullptr : moved.bias, reached, call.out});
  }
  void seed(const SeedCall& call) const override {
    launch_elements(
        "conv_seed", call.block, out_.plane(),
        ConvSeed{geometry_, call.role == 0 ? base_input() : nullptr, in_.c, call.elements, call.sign, call.out});
  }

 private:
  int row() const { return in_.c * geometry_.taps(); }
  static void convolution(const Stream& stream, int images, const Convolution& c) {
    const int tiles = (c.g.out_h * c.g.out_w + kConvPixels - 1) / kConvPixels;
    const dim3 grid(static_cast<unsigned>(images) * static_cast<unsigned>(tiles),
                    static_cast<unsigned>((c.g.out_c + kConvOut - 1) / kConvOut));
    launch("convolve", convolve, grid, kConvPixels, kConvShared, stream, c, tiles);
  }

  Shape in_, out_;
  ConvGeometry geometry_;
  const float *weight_ = nullptr, *bias_ = nullptr;
};

}  // namespace

std::unique_ptr<CudaOp> make_conv2d(const Op& op) {
  return std::make_unique<CudaConv2d>(static_cast<const Conv2d&>(op));
}

}  // namespace deepzero::cuda
