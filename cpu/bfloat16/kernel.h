// Differences on their way to memory and back as bfloat16 (engine/rules/bfloat16.h), n values.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/isa.h"

namespace deepzero::cpu {

struct Bfloat16Kernels {
  void (*narrow)(const float* from, std::size_t n, std::uint16_t* to);
  void (*widen)(const std::uint16_t* from, std::size_t n, float* to);
};

const Bfloat16Kernels& bfloat16_kernels(Isa isa);

extern const Bfloat16Kernels bfloat16_scalar;
extern const Bfloat16Kernels bfloat16_neon;    // arm64 only
extern const Bfloat16Kernels bfloat16_avx2;    // x86-64 only
extern const Bfloat16Kernels bfloat16_avx512;  // x86-64 only

}  // namespace deepzero::cpu
