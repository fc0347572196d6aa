#include "cuda/ops/activation.cuh"
#include "cuda/registry.h"
#include "engine/rules/sigmoid.h"

namespace deepzero::cuda {
namespace {

struct TanhFunction {
  __device__ float value(float x) const { return std::tanh(x); }
  __device__ float difference(float d, float x, float inverse_mu) const {
    return rules::tanh_difference(d, x, 1.0f / inverse_mu);
  }
};

}  // namespace

std::unique_ptr<CudaOp> make_tanh(const Op& op) {
  return std::make_unique<Activation<TanhFunction>>(op, TanhFunction{});
}

}  // namespace deepzero::cuda
