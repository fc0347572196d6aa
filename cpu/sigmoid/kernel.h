// Sigmoid and tanh on n values, and their difference rules (engine/rules/sigmoid.h).
#pragma once

#include <cstddef>

#include "cpu/isa.h"

namespace deepzero::cpu {

struct SigmoidKernels {
  /// y = 1/(1 + exp(−x)) and y = tanh(x), NaN stays NaN; y may be x.
  void (*sigmoid)(const float* x, std::size_t n, float* y);
  void (*tanh)(const float* x, std::size_t n, float* y);
  /// Scaled differences d = Δx/μ at x; inverse_mu = 1/μ > 0. A NaN in d stays NaN. y may be d.
  void (*sigmoid_difference)(const float* d, const float* x, float inverse_mu, std::size_t n, float* y);
  void (*tanh_difference)(const float* d, const float* x, float inverse_mu, std::size_t n, float* y);
};

const SigmoidKernels& sigmoid_kernels(Isa isa);

extern const SigmoidKernels sigmoid_scalar;
extern const SigmoidKernels sigmoid_neon;    // arm64 only
extern const SigmoidKernels sigmoid_avx2;    // x86-64 only
extern const SigmoidKernels sigmoid_avx512;  // x86-64 only

}  // namespace deepzero::cpu
