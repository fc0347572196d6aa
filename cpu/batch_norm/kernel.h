// Batch norm on the channels of an image, planar: [channels][plane] values.
#pragma once

#include <cstddef>

#include "cpu/isa.h"

namespace deepzero::cpu {

/// The base pass on one image. Any of the results may be null; they may share memory with x or plus.
struct BatchNormForward {
  const float* x;
  int channels;
  std::size_t plane;
  const float *mean, *scale, *shift;  ///< [channels]
  float* centred = nullptr;           ///< xc = x − mean
  float* normalised = nullptr;        ///< y = scale·xc + shift
  const float* plus = nullptr;        ///< the other branch of a residual sum that follows
  float* sum = nullptr;               ///< y + plus
  float* rectified = nullptr;         ///< max(0, y + plus), or max(0, y); NaN stays NaN
};

/// A query's difference on one image, and what follows it in the same pass: y = rule(a·d + b·xc + c + plus), the rule
/// being that of ReLU (engine/rules/relu.h) around x.
struct BatchNormDifference {
  const float *d, *xc;
  int channels;
  std::size_t plane;
  const double* coefficients;   ///< a, b, c of each channel, rounded to float32
  float* y;                     ///< may be d or plus
  const float* plus = nullptr;  ///< the difference of the other branch of a residual sum, or null
  bool rectify = false;
  const float* x = nullptr;      ///< the ReLU's base input; null where it is scale·xc + shift, as in the base pass
  const float* scale = nullptr;  ///< [channels]
  const float* shift = nullptr;
  float inverse_mu = 0;  ///< 1/μ
};

/// The difference of several images whose sums a query takes, each `step` floats behind the one before.
struct BatchNormInput {
  const float *d, *xc;
  std::size_t d_step, xc_step;
  int images, channels;
  std::size_t plane;
};

struct BatchNormKernels {
  /// Base pass, in float64: of each channel its first value s, Σ (x − s) and Σ (x − s)², as moments[channels][3]. Where
  /// values stand far from 0, Σ x² would keep little of how they differ.
  void (*moments)(const float* x, int channels, std::size_t plane, double* moments);
  void (*forward)(const BatchNormForward& call);
  /// y = scale·x + shift on n values; y may be x.
  void (*affine)(const float* x, float scale, float shift, std::size_t n, float* y);
  /// A query: adds Σ d, Σ xc·d and Σ d² of each channel, taken over the images in float32, to sums[channels][3].
  void (*sums)(const BatchNormInput& input, double* sums);
  void (*difference)(const BatchNormDifference& call);
};

const BatchNormKernels& batch_norm_kernels(Isa isa);

extern const BatchNormKernels batch_norm_scalar;
extern const BatchNormKernels batch_norm_neon;    // arm64 only
extern const BatchNormKernels batch_norm_avx2;    // x86-64 only
extern const BatchNormKernels batch_norm_avx512;  // x86-64 only

}  // namespace deepzero::cpu
