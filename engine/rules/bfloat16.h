// bfloat16: the upper half of a float32, rounded to nearest, ties to even. A NaN stays one.
#pragma once

#include <cstdint>
#include <cstring>

#include "engine/rules/mark.h"

namespace deepzero::rules {
namespace {

DEEPZERO_RULE std::uint16_t to_bfloat16(float value) {
  std::uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>(bits >> 16 | 0x40u);
  return static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

DEEPZERO_RULE float from_bfloat16(std::uint16_t value) {
  const std::uint32_t bits = static_cast<std::uint32_t>(value) << 16;
  float result;
  std::memcpy(&result, &bits, sizeof result);
  return result;
}

}  // namespace
}  // namespace deepzero::rules
