// Direct sums as a step of the ladder. Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "bench/ladder/step.h"
#include "cpu/conv2d/simd.h"

namespace deepzero::bench {
namespace {

/// With tiles of C channels × V vectors of pixels.
template <int C, int V>
constexpr Step direct(const char* name) {
  return {name, cpu::packed_floats, cpu::pack<C, C>, cpu::scratch_floats, cpu::dense<C, V, C, V>, nullptr};
}

}  // namespace
}  // namespace deepzero::bench
