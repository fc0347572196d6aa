// Of a direction u: (W + μ·U)·d + U·x + u_b.
#include "cuda/ops/linear.cuh"
#include "engine/ops/linear.h"

#include "cuda/registry.h"

namespace deepzero::cuda {
namespace {

/// Bytes of shared memory for weights.
constexpr std::size_t kMostWeights = 32 << 10;

class CudaLinear final : public CudaOp {
 public:
  explicit CudaLinear(const Linear& op)
      : features_(op.input_shape().size()), plane_(op.input_shape().plane()), out_(op.out_features) {}

  void load(const float* weight, const float* bias, const float*) override {
    weight_ = weight;
    bias_ = bias;
  }
  void base(const BaseCall& call) override {
    product<float>({call.stream, 1, call.count, 1},
                   {call.inputs[0], weight_, bias_, features_, features_, out_, false, {call.output}});
  }
  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const Moved& moved = call.moved;
    const bool reached = d.kind != Support::none;
    if (reached) {
      const bool one = d.kind == Support::one;
      const float* weight = moved.weight != nullptr ? moved.moved_weight : weight_;
      with_stored(call.block, [&]<class T>() {
        product<T>(call.block, {d.as<T>(), weight + (one ? d.channel * plane_ : 0), moved.bias,
                                one ? plane_ : features_, features_, out_, false, destination<T>(call)});
      });
    }
    // Of a direction. Without features it is the bias alone.
    if (moved.weight != nullptr || !reached)
      product<float>(call.block,
                     {base_input(), moved.weight, reached ? nullptr : moved.bias,
                      moved.weight != nullptr ? features_ : 0, features_, out_, reached, destination<float>(call)});
  }
  void seed(const SeedCall& call) const override {
    const LinearSeed seed{call.role == 0 ? base_input() : nullptr, call.elements, features_, call.sign};
    with_stored(call.block,
                [&]<class T>() { launch_difference("linear_seed", call.block, 1, destination<T>(call), seed); });
  }

 private:
  template <class T>
  static void product(const Block& block, const Product<T>& p) {
    const std::size_t outs = static_cast<std::size_t>(p.out + kLinearOut - 1) / kLinearOut * kLinearOut;
    const std::size_t shared = static_cast<std::size_t>(p.features) * outs * sizeof(float);
    if (p.features > 0 && p.features % kVector == 0 && shared <= kMostWeights) {
      launch("multiply_images", multiply_images<T>,
             dim3(static_cast<unsigned>((block.count + kLinearThreads - 1) / kLinearThreads),
                  static_cast<unsigned>(block.queries)),
             kLinearThreads, shared, block.stream, p, block.count);
      return;
    }
    const int of_query = block.count * p.out;
    const std::size_t results = static_cast<std::size_t>(block.queries) * of_query;
    launch("multiply", multiply<T>, static_cast<unsigned>((results + kLinearWarps - 1) / kLinearWarps),
           kLinearWarps * kWarp, 0, block.stream, p, results, of_query);
  }

  int features_, plane_, out_;
  const float *weight_ = nullptr, *bias_ = nullptr;
};

}  // namespace

std::unique_ptr<CudaOp> make_linear(const Op& op) {
  return std::make_unique<CudaLinear>(static_cast<const Linear&>(op));
}

}  // namespace deepzero::cuda
