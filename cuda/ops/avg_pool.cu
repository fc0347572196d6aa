// Average pooling, of values and differences alike; padding counts as zeros that are averaged too.
#include "cuda/ops/pool_window.cuh"
#include "cuda/registry.h"
#include "engine/ops/avg_pool.h"

namespace deepzero::cuda {
namespace {

/// One output pixel per element, of any number of planes.
template <class T>
struct WindowMean {
  PoolGeometry g;
  const T* x;
  __device__ float operator()(const Element& e) const {
    const int plane = g.out_h * g.out_w;
    const T* from = x + e.at / plane * (g.in_h * g.in_w);
    float sum = 0;
    g.window(e.i % plane, [&](int k) { sum += widened(from[k]); });
    return sum / (static_cast<float>(g.kernel_h) * static_cast<float>(g.kernel_w));
  }
};

class CudaAvgPool final : public CudaOp {
 public:
  explicit CudaAvgPool(const AvgPool& op) : out_(op.output_shape()), geometry_(pool_geometry(op)) {}

  void base(const BaseCall& call) override {
    means<float>({call.stream, 1, call.count, 1}, out_.size(), call.inputs[0], {call.output});
  }
  void difference(const DifferenceCall& call) const override {
    with_stored(call.block, [&]<class T>() {
      means<T>(call.block, call.in[0].kind == Support::one ? out_.plane() : out_.size(), call.in[0].as<T>(),
               destination<T>(call));
    });
  }

 private:
  template <class T>
  void means(const Block& block, int size, const T* x, const Destination<T>& y) const {
    launch_difference("window_mean", block, size, y, WindowMean<T>{geometry_, x});
  }

  Shape out_;
  PoolGeometry geometry_;
};

}  // namespace

std::unique_ptr<CudaOp> make_avg_pool(const Op& op) {
  return std::make_unique<CudaAvgPool>(static_cast<const AvgPool&>(op));
}

}  // namespace deepzero::cuda
