// Batch norm on one channel's plane of one image, n = H·W values.
#pragma once

#include <cstddef>

#include "cpu/isa.h"

namespace deepzero::cpu {

/// What follows a query's batch norm in the same pass: y = rule(a·d + b·xc + c + plus), the rule being that of ReLU
/// (engine/rules/relu.h) around x.
struct BatchNormTail {
  const float* plus = nullptr;  ///< the difference of the other branch of a residual sum, or null
  bool rectify = false;
  const float* x = nullptr;     ///< the ReLU's base input; null where it is scale·xc + shift, as affine() gives it
  float scale = 0, shift = 0;
  float inverse_mu = 0;         ///< 1/μ
};

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
  /// The same with what follows, bit for bit as one after the other; y may be d or tail.plus.
  void (*difference_then)(const float* d, const float* xc, float a, float b, float c, const BatchNormTail& tail,
                          std::size_t n, float* y);
};

const BatchNormKernels& batch_norm_kernels(Isa isa);

extern const BatchNormKernels batch_norm_scalar;
extern const BatchNormKernels batch_norm_avx2;
extern const BatchNormKernels batch_norm_avx512;

}  // namespace deepzero::cpu
