// Average pooling of one channel's plane of one image, of values and differences alike. Padding counts as zeros that
// are averaged too.
#pragma once

#include "cpu/isa.h"
#include "cpu/max_pool/kernel.h"

namespace deepzero::cpu {

struct AvgPoolKernels {
  void (*forward)(const PoolGeometry&, const float* x, float* y);
};

const AvgPoolKernels& avg_pool_kernels(Isa isa);

extern const AvgPoolKernels avg_pool_scalar;
extern const AvgPoolKernels avg_pool_neon;    // arm64 only
extern const AvgPoolKernels avg_pool_avx2;    // x86-64 only
extern const AvgPoolKernels avg_pool_avx512;  // x86-64 only

}  // namespace deepzero::cpu
