// Nearest-neighbour upsampling on the CPU: each row is widened once and copied. The same for values and differences.
#include "engine/ops/upsample.h"
#include "cpu/registry.h"

#include <algorithm>

namespace deepzero::cpu {
namespace {

class CpuUpsample final : public CpuOp {
 public:
  explicit CpuUpsample(const Upsample& op) : in_(op.input_shape()), scale_(op.scale) {}

  void base(const BaseCall& call) const override { rows(call.inputs[0], in_.c * in_.h, call.output); }
  void difference(const DifferenceCall& call) const override {
    rows(call.in[0].data, (call.in[0].kind == Support::one ? 1 : in_.c) * in_.h, call.out);
  }

 private:
  void rows(const float* x, int count, float* y) const {
    const int width = in_.w * scale_;
    for (int row = 0; row < count; ++row, x += in_.w) {
      const float* first = y;
      for (int j = 0; j < in_.w; ++j) y = std::fill_n(y, scale_, x[j]);
      for (int copy = 1; copy < scale_; ++copy) y = std::copy_n(first, width, y);
    }
  }

  Shape in_;
  int scale_;
};

}  // namespace

std::unique_ptr<CpuOp> make_upsample(const Op& op, Isa) {
  return std::make_unique<CpuUpsample>(static_cast<const Upsample&>(op));
}

}  // namespace deepzero::cpu
