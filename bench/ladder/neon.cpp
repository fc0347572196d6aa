// Direct sums with small register tiles, NEON.
#include "cpu/simd/neon.h"

#include "bench/ladder/step.h"
#include "cpu/conv2d/simd.h"

namespace deepzero::bench {
namespace {

template <int C, int V>
constexpr Step direct(const char* name) {
  return {name, cpu::packed_floats, cpu::pack<C, C>, cpu::scratch_floats, cpu::dense<C, V, C, V>, nullptr};
}

constexpr Step steps[] = {direct<1, 1>("vectors of pixels, one channel at a time"),
                          direct<4, 1>("4 channels share a vector of pixels")};

}  // namespace

const Steps steps_neon = {steps, 2};

}  // namespace deepzero::bench
