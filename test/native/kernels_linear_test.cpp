// The kernel of a linear layer: each instruction set against the scalar twin.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>

#include "cpu/linear/kernel.h"
#include "test/native/compare.h"
#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

using cpu::Isa;

TEST_CASE("linear: all columns and a part of them, with and without bias") {
  for (const Isa isa : cpu::supported_isas()) {
    CAPTURE(std::string(cpu::isa_name(isa)));
    for (const std::size_t out : {1u, 2u, 7u, 8u, 10u, 15u, 16u, 17u, 33u, 100u}) {
      for (const std::size_t count : {0u, 1u, 2u, 3u, 4u, 5u, 18u, 64u}) {
        CAPTURE(out);
        CAPTURE(count);
        const std::size_t first = 3;
        const std::vector<float> weights = random_values((first + count) * out), bias_values = random_values(out);
        const std::vector<float> x_values = random_values(count);
        Input wt(weights), x(x_values), bias(bias_values);
        for (const bool with_bias : {true, false}) {
          std::vector<float> magnitude(out, 0.0f);
          for (std::size_t o = 0; o < out; ++o) {
            if (with_bias) magnitude[o] = std::abs(bias_values[o]);
            for (std::size_t j = 0; j < count; ++j) {
              magnitude[o] += std::abs(weights[(first + j) * out + o] * x_values[j]);
            }
          }
          const float* b = with_bias ? bias.data() : nullptr;
          Output y(out), twin(out);
          cpu::linear_kernels(isa).forward(x.data(), first, count, wt.data(), b, out, y.data());
          cpu::linear_scalar.forward(x.data(), first, count, wt.data(), b, out, twin.data());
          // As for the convolution: a small multiple of 2⁻²⁴ of Σ |w·x|.
          CHECK(compare(y, twin.values(), magnitude, 6e-7) == "");
          if (!with_bias) continue;
          Output sum(out);  // added to what is there
          std::copy_n(bias_values.begin(), out, sum.data());
          cpu::linear_kernels(isa).forward(x.data(), first, count, wt.data(), sum.data(), out, sum.data());
          CHECK(std::equal(sum.values().begin(), sum.values().end(), y.values().begin()));
          CHECK(sum.written_outside() == "");
        }
      }
    }
  }
}

}  // namespace
}  // namespace deepzero::test
