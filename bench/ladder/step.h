// A step of the ladder of 3×3 convolutions (bench/ladder/ladder.h).
#pragma once

#include "cpu/winograd/kernel.h"

namespace deepzero::bench {

/// y[n] = W ∗ x[n] for each of several images, planar, without bias.
struct Step {
  const char* name;
  std::size_t (*packed_floats)(const cpu::ConvGeometry&);
  void (*pack)(const cpu::ConvGeometry&, const float* weights, float* packed);
  std::size_t (*scratch_floats)(const cpu::ConvGeometry&);
  void (*image)(const cpu::ConvGeometry&, const float* x, const float* packed, const float* bias, float* y,
                float* scratch);                   ///< one image; or null
  decltype(cpu::WinogradKernels::forward) images;  ///< all of them
};

/// Steps that only the flags of an instruction set can compile: direct sums with smaller register tiles than those of
/// cpu/conv2d/.
struct Steps {
  const Step* first;
  int count;
};

extern const Steps steps_neon;    // arm64 only
extern const Steps steps_avx2;    // x86-64 only
extern const Steps steps_avx512;  // x86-64 only

}  // namespace deepzero::bench
