// Direct sums with small register tiles, AVX-512.
#include "cpu/simd/avx512.h"

#include "bench/ladder/direct.h"

namespace deepzero::bench {
namespace {

constexpr Step steps[] = {direct<1, 1>("vectors of pixels, one channel at a time"),
                          direct<8, 1>("8 channels share a vector of pixels")};

}  // namespace

const Steps steps_avx512 = {steps, 2};

}  // namespace deepzero::bench
