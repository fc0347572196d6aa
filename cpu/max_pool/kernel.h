// Max-pooling of one channel's plane of one image. Padding counts as −∞.
#pragma once

#include "cpu/isa.h"

namespace deepzero::cpu {

struct PoolGeometry {
  int in_h, in_w, out_h, out_w;
  int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
};

struct MaxPoolKernels {
  void (*forward)(const PoolGeometry&, const float* x, float* y);
  /// Scaled differences: dy = max over the window of (x_k − y)·inverse_mu + d_k, where y is the base output (the
  /// window's maximum). x + Δx is never formed. A NaN in d stays NaN.
  void (*difference)(const PoolGeometry&, const float* d, const float* x, const float* y, float inverse_mu, float* dy);
};

const MaxPoolKernels& max_pool_kernels(Isa isa);

extern const MaxPoolKernels max_pool_scalar;
extern const MaxPoolKernels max_pool_neon;    // arm64 only
extern const MaxPoolKernels max_pool_avx2;    // x86-64 only
extern const MaxPoolKernels max_pool_avx512;  // x86-64 only

}  // namespace deepzero::cpu
