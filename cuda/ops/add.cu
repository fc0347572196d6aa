#include "cuda/ops/add.cuh"

#include "cuda/registry.h"

namespace deepzero::cuda {
namespace {

class CudaAdd final : public CudaOp {
 public:
  explicit CudaAdd(const Op& op) : shape_(op.input_shape()) {}

  void base(const BaseCall& call) override {
    launch_elements("add_forward", {call.stream, 1, call.count, 1}, shape_.size(),
                    AddForward{call.inputs[0], call.inputs[1], call.output});
  }
  bool in_place() const override { return true; }
  bool applies_relu() const override { return true; }
  bool normalises_input(Support::Kind, Precision) const override { return true; }
  void difference(const DifferenceCall& call) const override {
    const bool one = call.out_kind == Support::one;
    const int first = one ? call.out_channel : 0;
    with_stored(call.block, [&]<class T>() {
      const auto branch = [&](const View& view) {
        return Branch<T>{view.as<T>(), view.kind, (view.channel - first) * shape_.plane(), shape_.plane(),
                         view.normalised};
      };
      const AddDifference<T> sum{branch(call.in[0]), branch(call.in[1]), call.block.count,
                                 applied_rule(call, shape_, first)};
      if constexpr (sizeof(T) == 2)
        if (in_vectors(call)) {
          const int size = shape_.size() / kVector, threads = element_threads(size);
          ElementGrid grid(call.block, size, threads);
          grid.group = 1;
          grid.queries = (call.block.queries + kAddQueries - 1) / kAddQueries;
          launch("add_vectors", add_vectors<T>, grid.blocks(), static_cast<unsigned>(threads), kAddShared,
                 call.block.stream, sum, destination<T>(call), grid, call.block.queries, shape_.plane() / kVector);
          return;
        }
      launch_difference("add_difference", call.block, one ? shape_.plane() : shape_.size(), destination<T>(call), sum);
    });
  }

 private:
  bool in_vectors(const DifferenceCall& call) const {
    return call.out_kind == Support::dense && shape_.plane() % kVector == 0;
  }

  Shape shape_;
};

}  // namespace

std::unique_ptr<CudaOp> make_add(const Op& op) { return std::make_unique<CudaAdd>(op); }

}  // namespace deepzero::cuda
