// float16 as CUDA's header of this name has it, on the host: types and their conversions, rounding to nearest even.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

struct __half {
  std::uint16_t bits;
};
struct __half2 {
  __half x, y;
};

inline __half __float2half_rn(float value) {
  const std::uint32_t word = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(word >> 16 & 0x8000u);
  const float size = std::fabs(value);
  if (std::isnan(value)) return {0x7fff};
  if (size >= 65520.0f) return {static_cast<std::uint16_t>(sign | 0x7c00u)};
  if (size < 0x1p-14f) {  // subnormal: units of 2⁻²⁴
    return {static_cast<std::uint16_t>(sign | static_cast<std::uint16_t>(std::nearbyint(size * 0x1p24f)))};
  }
  const std::uint32_t odd = word >> 13 & 1u;
  const std::uint32_t rounded = (word & 0x7fffffffu) + 0xfffu + odd;
  return {static_cast<std::uint16_t>(sign | ((rounded >> 13) - (112u << 10)))};
}

inline __half2 __floats2half2_rn(float x, float y) { return {__float2half_rn(x), __float2half_rn(y)}; }

inline float __half2float(__half value) {
  const std::uint32_t sign = (value.bits & 0x8000u) << 16, size = (value.bits & 0x7fffu) << 13;
  if (size >= 31u << 23) return std::bit_cast<float>(sign | 0x7f800000u | (size & 0x7fffffu));
  return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(std::bit_cast<float>(size) * 0x1p112f));
}

inline std::uint16_t __half_as_ushort(__half value) { return value.bits; }
inline __half __ushort_as_half(std::uint16_t bits) { return {bits}; }
