#include "cuda/ops/global_avg_pool.cuh"

#include "cuda/op.h"
#include "cuda/registry.h"

namespace deepzero::cuda {
namespace {

class CudaGlobalAvgPool final : public CudaOp {
 public:
  explicit CudaGlobalAvgPool(const Op& op) : in_(op.input_shape()) {}

  void base(const BaseCall& call) override { means(call.stream, call.inputs[0], call.count, in_.c, call.output); }
  void difference(const DifferenceCall& call) const override {
    means(call.block.stream, call.in[0].data, call.block.images(), call.in[0].kind == Support::one ? 1 : in_.c,
          call.out);
  }

 private:
  void means(const Stream& stream, const float* x, int images, int channels, float* y) const {
    const std::size_t planes = static_cast<std::size_t>(images) * channels;
    launch("plane_means", plane_means, static_cast<unsigned>((planes + kPoolWarps - 1) / kPoolWarps),
           kPoolWarps * kWarp, 0, stream, x, planes, in_.plane(), y);
  }

  Shape in_;
};

}  // namespace

std::unique_ptr<CudaOp> make_global_avg_pool(const Op& op) { return std::make_unique<CudaGlobalAvgPool>(op); }

}  // namespace deepzero::cuda
