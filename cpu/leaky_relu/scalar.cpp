// Leaky ReLU and its difference rule, plain: the readable twin of the vector kernels.
#include "cpu/leaky_relu/kernel.h"
#include "engine/rules/leaky_relu.h"

namespace deepzero::cpu {
namespace {

void forward(const float* x, float slope, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) {
    const float bent = slope * x[i];
    y[i] = bent > x[i] ? bent : x[i];  // a NaN makes the comparison false, and comes out
  }
}

void difference(const float* d, const float* x, float slope, float inverse_mu, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = rules::leaky_relu_difference(d[i], x[i] * inverse_mu, slope);
}

}  // namespace

const LeakyReluKernels leaky_relu_scalar = {forward, difference};

}  // namespace deepzero::cpu
