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
    const int planes = block.count * channels;
    const bool vectors = in_.plane() % kVector == 0;
    const int lanes = lanes_for(vectors ? in_.plane() / kVector : in_.plane()), each = kPoolThreads / lanes;
    launch("plane_means", plane_means<T>,
           dim3(static_cast<unsigned>((planes + each - 1) / each), static_cast<unsigned>(block.queries)), kPoolThreads,
           0, block.stream, Means<T>{x, planes, in_.plane(), lanes, vectors, y});
  }

  Shape in_;
};

}  // namespace

std::unique_ptr<CudaOp> make_global_avg_pool(const Op& op) { return std::make_unique<CudaGlobalAvgPool>(op); }

}  // namespace deepzero::cuda
