// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): the one generator of the
// project. Key: the seed. Counter: (block low, block high, stream, purpose). Any number can be had without those
// before it, so a draw never depends on threads, devices or order. docs/random.md lists purposes and streams.
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace deepzero {

/// What numbers are drawn for; the last word of the counter.
enum class Purpose : std::uint32_t {
  initialisation = 1,  ///< stream: index of the parameter
  shuffle = 2,         ///< stream: epoch
  augmentation = 3,    ///< stream: epoch
  coordinates = 4,     ///< stream: draw
  synthetic_data = 5,  ///< stream: split
  directions = 6,      ///< stream: direction
};

struct RandomKey {
  std::uint64_t seed = 0;
  std::uint32_t purpose = 0;
  std::uint32_t stream = 0;
};

/// Block `index` of four 32-bit words.
std::array<std::uint32_t, 4> philox(const RandomKey& key, std::uint64_t index);

/// Words offset, offset + 1, … of the sequence.
void random_words(const RandomKey& key, std::uint64_t offset, std::span<std::uint32_t> out);

/// Standard normal numbers offset, offset + 1, … of the sequence: Box-Muller in float64 on 32-bit words, with
/// logarithm, sine and cosine of our own, so that every platform draws the same bits.
void random_normal(const RandomKey& key, std::uint64_t offset, std::span<float> out);

}  // namespace deepzero
