// Direct sums with small register tiles, NEON.
#include "cpu/simd/neon.h"

#include "bench/ladder/direct.h"

namespace deepzero::bench {
namespace {

constexpr Step steps[] = {direct<1, 1>("vectors of pixels, one channel at a time"),
                          direct<4, 1>("4 channels share a vector of pixels")};

}  // namespace

const Steps steps_neon = {steps, 2};

}  // namespace deepzero::bench
