#include "cuda/ops/activation.cuh"
#include "cuda/registry.h"
#include "engine/ops/leaky_relu.h"
#include "engine/rules/leaky_relu.h"

namespace deepzero::cuda {
namespace {

struct LeakyReluFunction {
  float slope;
  __device__ float value(float x) const { return x < 0 ? slope * x : x; }
  __device__ float difference(float d, float x, float inverse_mu) const {
    return rules::leaky_relu_difference(d, x * inverse_mu, slope);
  }
};

}  // namespace

std::unique_ptr<CudaOp> make_leaky_relu(const Op& op) {
  const auto slope = static_cast<float>(static_cast<const LeakyRelu&>(op).slope);
  return std::make_unique<Activation<LeakyReluFunction>>(op, LeakyReluFunction{slope});
}

}  // namespace deepzero::cuda
