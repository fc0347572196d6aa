// Mean of one channel's plane of one image.
#pragma once

#include <cstddef>

#include "cpu/isa.h"

namespace deepzero::cpu {

struct GlobalAvgPoolKernels {
  float (*mean)(const float* x, std::size_t n);
};

const GlobalAvgPoolKernels& global_avg_pool_kernels(Isa isa);

extern const GlobalAvgPoolKernels global_avg_pool_scalar;
extern const GlobalAvgPoolKernels global_avg_pool_neon;    // arm64 only
extern const GlobalAvgPoolKernels global_avg_pool_avx2;    // x86-64 only
extern const GlobalAvgPoolKernels global_avg_pool_avx512;  // x86-64 only

}  // namespace deepzero::cpu
