// Linear layer on one image, with weights transposed: wt[in][out].
#pragma once

#include <cstddef>

#include "cpu/isa.h"

namespace deepzero::cpu {

struct LinearKernels {
  /// y[out] = bias[out] + Σ_j wt[first + j][out] · x[j], j = 0 … count − 1; bias may be null, or y itself to add to
  /// it. A difference that lives in one channel uses first and count to read only that channel's columns.
  void (*forward)(const float* x, std::size_t first, std::size_t count, const float* wt, const float* bias,
                  std::size_t out, float* y);
};

const LinearKernels& linear_kernels(Isa isa);

extern const LinearKernels linear_scalar;
extern const LinearKernels linear_neon;    // arm64 only
extern const LinearKernels linear_avx2;    // x86-64 only
extern const LinearKernels linear_avx512;  // x86-64 only

}  // namespace deepzero::cpu
