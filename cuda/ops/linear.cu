// Of a direction u: (W + μ·U)·d + U·x + u_b.
#include "cuda/ops/linear.cuh"
#include "engine/ops/linear.h"

#include "cuda/registry.h"

namespace deepzero::cuda {
namespace {

class CudaLinear final : public CudaOp {
 public:
  explicit CudaLinear(const Linear& op)
      : features_(op.input_shape().size()), plane_(op.input_shape().plane()), out_(op.out_features) {}

  void load(const float* weight, const float* bias, const float*) override {
    weight_ = weight;
    bias_ = bias;
  }
  void base(const BaseCall& call) override {
    product(call.stream, call.count, {call.inputs[0], weight_, bias_, features_, features_, out_, false, call.output});
  }
  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const Moved& moved = call.moved;
    const int images = call.block.images();
    const bool reached = d.kind != Support::none;
    if (reached) {
      const bool one = d.kind == Support::one;
      const float* weight = moved.weight != nullptr ? moved.moved_weight : weight_;
      product(call.block.stream, images,
              {d.data, weight + (one ? d.channel * plane_ : 0), moved.bias, one ? plane_ : features_, features_, out_,
               false, call.out});
    }
    // Without features it is the bias alone.
    if (moved.weight != nullptr || !reached)
      product(call.block.stream, images,
              {base_input(), moved.weight, reached ? nullptr : moved.bias, moved.weight != nullptr ? features_ : 0,
               features_, out_, reached, call.out});
  }
  void seed(const SeedCall& call) const override {
    launch_elements("linear_seed", call.block, 1,
                    LinearSeed{call.role == 0 ? base_input() : nullptr, call.elements, features_, call.sign, call.out});
  }

 private:
  static void product(const Stream& stream, int images, const Product& p) {
    const std::size_t results = static_cast<std::size_t>(images) * p.out;
    launch("multiply", multiply, static_cast<unsigned>((results + kLinearWarps - 1) / kLinearWarps),
           kLinearWarps * kWarp, 0, stream, p, results);
  }

  int features_, plane_, out_;
  const float *weight_ = nullptr, *bias_ = nullptr;
};

}  // namespace

std::unique_ptr<CudaOp> make_linear(const Op& op) {
  return std::make_unique<CudaLinear>(static_cast<const Linear&>(op));
}

}  // namespace deepzero::cuda
