// Batch norm on one channel's plane of one image, n = H·W values.
#pragma once

#include <cstddef>

#include "cpu/isa.h"

namespace deepzero::cpu {

struct BatchNormKernels {
  /// Base pass: Σ x in float64.
  double (*sum)(const float* x, std::size_t n);
  /// Base pass: xc = x − mean; moments = {Σ xc, Σ xc²} in float64 of xc as stored.
  void (*centre)(const float* x, float mean, std::size_t n, float* xc, double moments[2]);
  /// y = scale·x + shift; y may be x.
  void (*affine)(const float* x, float scale, float shift, std::size_t n, float* y);
  /// A query: sums = {Σ d, Σ xc·d, Σ d²}, in float32.
  void (*sums)(const float* d, const float* xc, std::size_t n, float sums[3]);
  /// A query: y = a·d + b·xc + c; y may be d.
  void (*difference)(const float* d, const float* xc, float a, float b, float c, std::size_t n, float* y);
};

const BatchNormKernels& batch_norm_kernels(Isa isa);

extern const BatchNormKernels batch_norm_scalar;
extern const BatchNormKernels batch_norm_avx2;
extern const BatchNormKernels batch_norm_avx512;

}  // namespace deepzero::cpu
