#include "cuda/ops/global_avg_pool.cuh"

#include "cuda/registry.h"

namespace deepzero::cuda {
namespace {

class CudaGlobalAvgPool final : public CudaOp {
 public:
  explicit CudaGlobalAvgPool(const Op& op) : in_(op.input_shape()) {}

  void base(const BaseCall& call) override {
    means<float>({call.stream, 1, call.count, 1}, call.inputs[0], in_.c, {call.output});
  }
  void difference(const DifferenceCall& call) const override {
    with_stored(call.block, [&]<class T>() {
      means<T>(call.block, call.in[0].as<T>(), call.in[0].kind == Support::one ? 1 : in_.c, destination<T>(call));
    });
  }

 private:
  template <class T>
  void means(const Block& block, const T* x, int channels, const Destination<T>& y) const {
    const int of_query = block.count * channels;
    const std::size_t planes = static_cast<std::size_t>(block.queries) * of_query;
    launch("plane_means", plane_means<T>, static_cast<unsigned>((planes + kPoolWarps - 1) / kPoolWarps),
           kPoolWarps * kWarp, 0, block.stream, x, planes, of_query, in_.plane(), y);
  }

  Shape in_;
};

}  // namespace

std::unique_ptr<CudaOp> make_global_avg_pool(const Op& op) { return std::make_unique<CudaGlobalAvgPool>(op); }

}  // namespace deepzero::cuda
