// Concatenation over channels on the CPU: copies. Of a difference that lives in one channel, or nowhere, the rest is
// zeros, unless the result lives in one channel too.
#include "engine/ops/concat.h"
#include "cpu/registry.h"

#include <algorithm>

namespace deepzero::cpu {
namespace {

class CpuConcat final : public CpuOp {
 public:
  explicit CpuConcat(const Concat& op)
      : sizes_{static_cast<std::size_t>(op.input_shape(0).size()), static_cast<std::size_t>(op.input_shape(1).size())},
        plane_(static_cast<std::size_t>(op.output_shape().plane())) {}

  void base(const BaseCall& call) const override {
    std::copy_n(call.inputs[1], sizes_[1], std::copy_n(call.inputs[0], sizes_[0], call.output));
  }
  void difference(const DifferenceCall& call) const override {
    if (call.out_kind == Support::one) {
      std::copy_n(call.in[call.in[0].kind == Support::one ? 0 : 1].data, plane_, call.out);
      return;
    }
    float* out = call.out;
    for (std::size_t k = 0; k < 2; out += sizes_[k], ++k) {
      const View& d = call.in[k];
      if (d.kind == Support::dense) {
        std::copy_n(d.data, sizes_[k], out);
        continue;
      }
      std::fill_n(out, sizes_[k], 0.0f);
      if (d.kind == Support::one) std::copy_n(d.data, plane_, out + static_cast<std::size_t>(d.channel) * plane_);
    }
  }

 private:
  std::size_t sizes_[2], plane_;
};

}  // namespace

std::unique_ptr<CpuOp> make_concat(const Op& op, Isa) {
  return std::make_unique<CpuConcat>(static_cast<const Concat&>(op));
}

}  // namespace deepzero::cpu
