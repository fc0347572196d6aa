// Leaky ReLU on n values, 0 ≤ slope ≤ 1.
#pragma once

#include <cstddef>

#include "cpu/isa.h"

namespace deepzero::cpu {

struct LeakyReluKernels {
  /// y = x > 0 ? x : slope·x; y may be x.
  void (*forward)(const float* x, float slope, std::size_t n, float* y);
  /// Scaled difference d = Δx/μ (engine/rules/leaky_relu.h); inverse_mu = 1/μ > 0. A NaN in d stays NaN. y may be d.
  void (*difference)(const float* d, const float* x, float slope, float inverse_mu, std::size_t n, float* y);
};

const LeakyReluKernels& leaky_relu_kernels(Isa isa);

extern const LeakyReluKernels leaky_relu_scalar;
extern const LeakyReluKernels leaky_relu_neon;    // arm64 only
extern const LeakyReluKernels leaky_relu_avx2;    // x86-64 only
extern const LeakyReluKernels leaky_relu_avx512;  // x86-64 only

}  // namespace deepzero::cpu
