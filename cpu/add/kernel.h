// Sum of two tensors, n values.
#pragma once

#include <cstddef>

#include "cpu/isa.h"

namespace deepzero::cpu {

struct AddKernels {
  /// y = a + b; y may be a or b.
  void (*forward)(const float* a, const float* b, std::size_t n, float* y);
};

const AddKernels& add_kernels(Isa isa);

extern const AddKernels add_scalar;
extern const AddKernels add_neon;    // arm64 only
extern const AddKernels add_avx2;    // x86-64 only
extern const AddKernels add_avx512;  // x86-64 only

}  // namespace deepzero::cpu
