#include "cuda/ops/activation.cuh"
#include "cuda/registry.h"
#include "engine/rules/sigmoid.h"

namespace deepzero::cuda {
namespace {

struct SigmoidFunction {
  __device__ float value(float x) const { return 1.0f / (1.0f + std::exp(-x)); }
  __device__ float difference(float d, float x, float inverse_mu) const {
    return rules::sigmoid_difference(d, x, 1.0f / inverse_mu);
  }
};

}  // namespace

std::unique_ptr<CudaOp> make_sigmoid(const Op& op) {
  return std::make_unique<Activation<SigmoidFunction>>(op, SigmoidFunction{});
}

}  // namespace deepzero::cuda
