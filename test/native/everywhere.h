// Where kernels on planes and vectors are tested: on every instruction set, with every length from 1 to 70 and those of
// ResNet-20; and values with the special ones among them.
#pragma once

#include <doctest/doctest.h>

#include <limits>
#include <string>
#include <vector>

#include "cpu/isa.h"
#include "test/native/random_input.h"

namespace deepzero::test {

inline std::vector<std::size_t> lengths() {
  std::vector<std::size_t> all;
  for (std::size_t n = 1; n <= 70; ++n) all.push_back(n);
  for (const std::size_t n : {127u, 128u, 196u, 256u, 1000u, 1024u}) all.push_back(n);
  return all;
}

/// Calls with(isa, n) for every instruction set and length.
template <class With>
void everywhere(const With& with) {
  for (const cpu::Isa isa : cpu::supported_isas()) {
    CAPTURE(std::string(cpu::isa_name(isa)));
    for (const std::size_t n : lengths()) {
      CAPTURE(n);
      with(isa, n);
    }
  }
}

/// Values of which about a fifth are special: zeros of both signs, infinities, NaN.
inline std::vector<float> with_specials(std::size_t n) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float specials[] = {0.0f, -0.0f, infinity, -infinity, std::numeric_limits<float>::quiet_NaN()};
  std::vector<float> values = random_values(n);
  for (float& value : values) {
    if (generator()() % 5 == 0) value = specials[generator()() % 5];
  }
  return values;
}

}  // namespace deepzero::test
