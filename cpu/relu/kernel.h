// ReLU on n values.
#pragma once

#include <cstddef>

#include "cpu/isa.h"

namespace deepzero::cpu {

struct ReluKernels {
  /// y = max(x, 0), NaN stays NaN; y may be x.
  void (*forward)(const float* x, std::size_t n, float* y);
  /// Scaled difference d = Δx/μ, with t = x·inverse_mu: y = x > 0 ? max(d, −t) : max(0, t + d); a NaN in d stays
  /// NaN. inverse_mu = 1/μ > 0. y may be d.
  void (*difference)(const float* d, const float* x, float inverse_mu, std::size_t n, float* y);
};

const ReluKernels& relu_kernels(Isa isa);

extern const ReluKernels relu_scalar;
extern const ReluKernels relu_neon;    // arm64 only
extern const ReluKernels relu_avx2;    // x86-64 only
extern const ReluKernels relu_avx512;  // x86-64 only

}  // namespace deepzero::cpu
