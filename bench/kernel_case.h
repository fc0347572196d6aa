// The arrays of one micro-kernel: random inputs in several slots, so that a loop over them walks through a working
// set as a block of queries does, and an output per slot that starts as NaN.
#pragma once

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/agreement.h"
#include "cpu/memory.h"
#include "engine/random/philox.h"

namespace deepzero::bench {

/// `slots` arrays of `floats` values, each beginning on a cache line.
class Slots {
 public:
  Slots(std::size_t slots, std::size_t floats)
      : floats_(floats), stride_((floats + 15) / 16 * 16), buffer_(slots * stride_) {}

  std::span<float> operator[](std::size_t slot) { return {buffer_.data() + slot * stride_, floats_}; }

  static Slots random(std::size_t slots, std::size_t floats, std::uint32_t stream) {
    Slots made(slots, floats);
    const RandomKey key{7, static_cast<std::uint32_t>(Purpose::synthetic_data), stream};
    for (std::size_t slot = 0; slot < slots; ++slot) random_normal(key, slot * made.stride_, made[slot]);
    return made;
  }
  static Slots unwritten(std::size_t slots, std::size_t floats) {
    Slots made(slots, floats);
    for (std::size_t slot = 0; slot < slots; ++slot) {
      for (float& value : made[slot]) value = std::numeric_limits<float>::quiet_NaN();
    }
    return made;
  }

 private:
  std::size_t floats_, stride_;
  cpu::Buffer buffer_;
};

/// Of float32 kernels against their scalar twin, which sums in another order: measured below 1e-6.
constexpr double kKernelTolerance = 1e-5;

}  // namespace deepzero::bench
