#include "cuda/ops/max_pool.cuh"
#include "engine/ops/max_pool.h"

#include "cuda/registry.h"

namespace deepzero::cuda {
namespace {

class CudaMaxPool final : public CudaOp {
 public:
  explicit CudaMaxPool(const MaxPool& op)
      : in_(op.input_shape()), out_(op.output_shape()), geometry_(pool_geometry(op)) {}

  void base(const BaseCall& call) override {
    launch_elements("max_pool_forward", {call.stream, 1, call.count, 1}, out_.size(),
                    MaxPoolForward{geometry_, call.inputs[0], call.output});
  }
  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const bool one = d.kind == Support::one;
    const int first = one ? d.channel : 0;
    with_stored(call.block, [&]<class T>() {
      launch_difference(
          "max_pool_difference", call.block, one ? out_.plane() : out_.size(), destination<T>(call),
          MaxPoolDifference<T>{geometry_, d.as<T>(), base_input() + first * in_.plane(),
                               base_output() + first * out_.plane(), in_.size(), out_.size(), call.block.inverse_mu()});
    });
  }

 private:
  Shape in_, out_;
  PoolGeometry geometry_;
};

}  // namespace

std::unique_ptr<CudaOp> make_max_pool(const Op& op) {
  return std::make_unique<CudaMaxPool>(static_cast<const MaxPool&>(op));
}

}  // namespace deepzero::cuda
