// ReLU and its difference rule, plain: the readable twin of the vector kernels.
#include "cpu/relu/kernel.h"
#include "engine/rules/relu.h"

namespace deepzero::cpu {
namespace {

void forward(const float* x, std::size_t n, float* y) {
  // A NaN makes the comparison false, and comes out.
  for (std::size_t i = 0; i < n; ++i) y[i] = 0.0f > x[i] ? 0.0f : x[i];
}

void difference(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = rules::relu_difference(d[i], x[i] * inverse_mu);
}

}  // namespace

const ReluKernels relu_scalar = {forward, difference};

}  // namespace deepzero::cpu
