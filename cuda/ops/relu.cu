#include "cuda/ops/relu.cuh"

#include "cuda/registry.h"

namespace deepzero::cuda {
namespace {

class CudaRelu final : public CudaOp {
 public:
  explicit CudaRelu(const Op& op) : shape_(op.input_shape()) {}

  void base(const BaseCall& call) override {
    launch_elements("relu_forward", {call.stream, 1, call.count, 1}, shape_.size(),
                    ReluForward{call.inputs[0], call.output});
  }
  bool in_place() const override { return true; }
  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const bool one = d.kind == Support::one;
    launch_elements(
        "relu_difference", call.block, one ? shape_.plane() : shape_.size(),
        ReluDifference{d.data,
                       {base_input() + (one ? d.channel * shape_.plane() : 0), shape_.size(), call.block.inverse_mu()},
                       call.out});
  }

 private:
  Shape shape_;
};

}  // namespace

std::unique_ptr<CudaOp> make_relu(const Op& op) { return std::make_unique<CudaRelu>(op); }

}  // namespace deepzero::cuda
