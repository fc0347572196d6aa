// The residual sum on the CPU. A branch in one channel adds to that channel alone; a branch that the perturbation
// does not reach is passed over.
#include "engine/ops/add.h"
#include "cpu/add/kernel.h"
#include "cpu/registry.h"

#include <algorithm>

namespace deepzero::cpu {
namespace {

class CpuAdd final : public CpuOp {
 public:
  CpuAdd(const Add& op, Isa isa)
      : kernels_(add_kernels(isa)),
        size_(static_cast<std::size_t>(op.input_shape().size())),
        plane_(static_cast<std::size_t>(op.input_shape().plane())) {}

  void base(const BaseCall& call) const override {
    kernels_.forward(call.inputs[0], call.inputs[1], size_, call.output);
  }
  bool in_place() const override { return true; }
  void difference(const DifferenceCall& call) const override {
    const View *a = &call.in[0], *b = &call.in[1];
    if (a->kind == Support::none || (a->kind == Support::one && b->kind == Support::dense)) std::swap(a, b);
    if (b->kind == Support::none) {
      const std::size_t size = a->kind == Support::one ? plane_ : size_;
      if (a->data != call.out) std::copy_n(a->data, size, call.out);
    } else if (a->kind == Support::one && call.out_kind == Support::one) {
      kernels_.forward(a->data, b->data, plane_, call.out);
    } else if (b->kind == Support::dense) {
      kernels_.forward(a->data, b->data, size_, call.out);
    } else {
      add_planes(*a, *b, call.out);
    }
  }

 private:
  /// A dense or one-channel difference plus one in another channel, to a dense one.
  void add_planes(const View& a, const View& b, float* out) const {
    if (a.kind == Support::dense) {
      if (a.data != out) std::copy_n(a.data, size_, out);
    } else {
      std::fill_n(out, size_, 0.0f);
      std::copy_n(a.data, plane_, out + static_cast<std::size_t>(a.channel) * plane_);
    }
    float* target = out + static_cast<std::size_t>(b.channel) * plane_;
    kernels_.forward(target, b.data, plane_, target);
  }

  const AddKernels& kernels_;
  std::size_t size_, plane_;
};

}  // namespace

std::unique_ptr<CpuOp> make_add(const Op& op, Isa isa) {
  return std::make_unique<CpuAdd>(static_cast<const Add&>(op), isa);
}

}  // namespace deepzero::cpu
