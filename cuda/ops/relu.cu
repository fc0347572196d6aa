#include "cuda/ops/activation.cuh"
#include "cuda/registry.h"
#include "engine/rules/relu.h"

namespace deepzero::cuda {
namespace {

struct ReluFunction {
  /// max(x, 0); a NaN stays one.
  __device__ float value(float x) const { return x < 0 ? 0.0f : x; }
  __device__ float difference(float d, float x, float inverse_mu) const {
    return rules::relu_difference(d, x * inverse_mu);
  }
};

}  // namespace

std::unique_ptr<CudaOp> make_relu(const Op& op) {
  return std::make_unique<Activation<ReluFunction>>(op, ReluFunction{});
}

}  // namespace deepzero::cuda
