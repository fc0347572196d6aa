// Sigmoid, tanh and their difference rules, plain: the readable twin of the vector kernels.
#include "cpu/sigmoid/kernel.h"
#include "engine/rules/sigmoid.h"

namespace deepzero::cpu {
namespace {

void sigmoid(const float* x, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = 1.0f / (1.0f + std::exp(-x[i]));
}

void tanh(const float* x, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = std::tanh(x[i]);
}

void sigmoid_difference(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) {
  const float mu = 1.0f / inverse_mu;
  for (std::size_t i = 0; i < n; ++i) y[i] = rules::sigmoid_difference(d[i], x[i], mu);
}

void tanh_difference(const float* d, const float* x, float inverse_mu, std::size_t n, float* y) {
  const float mu = 1.0f / inverse_mu;
  for (std::size_t i = 0; i < n; ++i) y[i] = rules::tanh_difference(d[i], x[i], mu);
}

}  // namespace

const SigmoidKernels sigmoid_scalar = {sigmoid, tanh, sigmoid_difference, tanh_difference};

}  // namespace deepzero::cpu
