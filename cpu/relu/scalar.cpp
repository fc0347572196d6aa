// ReLU and its difference rule, plain: the readable twin of the vector kernels.
//
// The comparisons are written so that the operand that carries a NaN is the one returned when a comparison is false.
#include "cpu/relu/kernel.h"

namespace deepzero::cpu {
namespace {

void forward(const float* x, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = 0.0f > x[i] ? 0.0f : x[i];
}

void difference(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) {
    const float t = x[i] * inverse_mu;
    const float sum = t + d[i];
    const float above = -t > d[i] ? -t : d[i];    // x > 0: the output falls by x at most
    const float below = 0.0f > sum ? 0.0f : sum;  // x ≤ 0: it rises once d has made up for x
    y[i] = x[i] > 0.0f ? above : below;
  }
}

}  // namespace

const ReluKernels relu_scalar = {forward, difference};

}  // namespace deepzero::cpu
