#include "engine/random/philox.h"

#include <bit>
#include <cmath>

namespace deepzero {
namespace {

constexpr std::uint32_t kMultiplier0 = 0xD2511F53u, kMultiplier1 = 0xCD9E8D57u;
constexpr std::uint32_t kWeyl0 = 0x9E3779B9u, kWeyl1 = 0xBB67AE85u;
constexpr int kRounds = 10;

/// log(x) for a normal x > 0: x = m·2^e with m in [√½, √2), log m = 2·atanh((m − 1)/(m + 1)) by its series.
double natural_log(double x) {
  const std::uint64_t bits = std::bit_cast<std::uint64_t>(x);
  int exponent = static_cast<int>(bits >> 52) - 1023;
  double m = std::bit_cast<double>((bits & 0x000FFFFFFFFFFFFFull) | 0x3FF0000000000000ull);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent += 1;
  }
  const double t = (m - 1) / (m + 1), t2 = t * t;  // |t| ≤ 0.1716, so t^23/23 < 1e-18
  double series = 1.0 / 21;
  for (int k = 19; k >= 1; k -= 2) series = series * t2 + 1.0 / k;
  return 2 * t * series + exponent * 0.6931471805599453;
}

struct SineCosine {
  double sine, cosine;
};

/// Sine and cosine of 2π·word/2³²: the top three bits give the octant, the rest an angle in [0, π/4) for the Taylor
/// series.
SineCosine turn(std::uint32_t word) {
  const std::uint32_t octant = word >> 29;
  std::uint32_t rest = word & 0x1FFFFFFFu;
  const bool mirrored = (octant & 1u) != 0;
  if (mirrored) rest = 0x20000000u - rest;
  const double angle = rest * (6.283185307179586 / 4294967296.0), a2 = angle * angle;
  double s = 1, c = 1;
  for (int k = 17; k >= 3; k -= 2) s = 1 - s * a2 / (k * (k - 1));
  for (int k = 18; k >= 2; k -= 2) c = 1 - c * a2 / (k * (k - 1));
  s *= angle;
  if (mirrored != ((octant & 2u) != 0)) {
    const double swap = s;
    s = c;
    c = swap;
  }
  if (octant >= 2 && octant < 6) c = -c;
  if (octant >= 4) s = -s;
  return {s, c};
}

}  // namespace

std::array<std::uint32_t, 4> philox(const RandomKey& key, std::uint64_t index) {
  std::array<std::uint32_t, 4> c = {static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                                    key.stream, key.purpose};
  std::uint32_t k0 = static_cast<std::uint32_t>(key.seed), k1 = static_cast<std::uint32_t>(key.seed >> 32);
  for (int round = 0; round < kRounds; ++round) {
    const std::uint64_t p0 = static_cast<std::uint64_t>(kMultiplier0) * c[0];
    const std::uint64_t p1 = static_cast<std::uint64_t>(kMultiplier1) * c[2];
    c = {static_cast<std::uint32_t>(p1 >> 32) ^ c[1] ^ k0, static_cast<std::uint32_t>(p1),
         static_cast<std::uint32_t>(p0 >> 32) ^ c[3] ^ k1, static_cast<std::uint32_t>(p0)};
    k0 += kWeyl0;
    k1 += kWeyl1;
  }
  return c;
}

void random_words(const RandomKey& key, std::uint64_t offset, std::span<std::uint32_t> out) {
  for (std::size_t i = 0; i < out.size();) {
    const std::uint64_t position = offset + i;
    const auto block = philox(key, position / 4);
    for (std::size_t j = position % 4; j < 4 && i < out.size(); ++j) out[i++] = block[j];
  }
}

void random_normal(const RandomKey& key, std::uint64_t offset, std::span<float> out) {
  // Words (2k, 2k + 1) give numbers 2k and 2k + 1: radius from the first, angle from the second.
  for (std::size_t i = 0; i < out.size();) {
    const std::uint64_t position = offset + i;
    const auto block = philox(key, position / 4);
    double numbers[4];
    for (int pair = 0; pair < 2; ++pair) {
      const double u = (block[2 * pair] + 0.5) / 4294967296.0;  // in (0, 1)
      const double radius = std::sqrt(-2 * natural_log(u));
      const SineCosine direction = turn(block[2 * pair + 1]);
      numbers[2 * pair] = radius * direction.cosine;
      numbers[2 * pair + 1] = radius * direction.sine;
    }
    for (std::size_t j = position % 4; j < 4 && i < out.size(); ++j) out[i++] = static_cast<float>(numbers[j]);
  }
}

}  // namespace deepzero
