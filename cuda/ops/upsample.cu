// Nearest-neighbour upsampling, of values and differences alike.
#include "cuda/elements.cuh"
#include "cuda/registry.h"
#include "engine/ops/upsample.h"

namespace deepzero::cuda {
namespace {

/// One output pixel per element, of any number of planes.
template <class T>
struct NearestPixel {
  int in_w, out_h, out_w, scale;
  const T* x;
  __device__ float operator()(const Element& e) const {
    const int pixel = e.i % (out_h * out_w), in_plane = out_h / scale * in_w;
    return widened(x[e.at / (out_h * out_w) * in_plane + pixel / out_w / scale * in_w + pixel % out_w / scale]);
  }
};

class CudaUpsample final : public CudaOp {
 public:
  explicit CudaUpsample(const Upsample& op) : out_(op.output_shape()), scale_(op.scale) {}

  void base(const BaseCall& call) override {
    copy<float>({call.stream, 1, call.count, 1}, out_.size(), call.inputs[0], {call.output});
  }
  void difference(const DifferenceCall& call) const override {
    with_stored(call.block, [&]<class T>() {
      copy<T>(call.block, call.in[0].kind == Support::one ? out_.plane() : out_.size(), call.in[0].as<T>(),
              destination<T>(call));
    });
  }

 private:
  template <class T>
  void copy(const Block& block, int size, const T* x, const Destination<T>& y) const {
    launch_difference("nearest_pixel", block, size, y, NearestPixel<T>{out_.w / scale_, out_.h, out_.w, scale_, x});
  }

  Shape out_;
  int scale_;
};

}  // namespace

std::unique_ptr<CudaOp> make_upsample(const Op& op) {
  return std::make_unique<CudaUpsample>(static_cast<const Upsample&>(op));
}

}  // namespace deepzero::cuda
