// Direct sums with small register tiles, AVX2.
#include "cpu/simd/avx2.h"

#include "bench/ladder/direct.h"

namespace deepzero::bench {
namespace {

constexpr Step steps[] = {direct<1, 1>("vectors of pixels, one channel at a time"),
                          direct<6, 1>("6 channels share a vector of pixels")};

}  // namespace

const Steps steps_avx2 = {steps, 2};

}  // namespace deepzero::bench
