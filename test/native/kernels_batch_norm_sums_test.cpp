// Sums that batch norm takes over a channel, in the base pass and of a query: each instruction set against the scalar
// twin or a sum in float64.
#include <doctest/doctest.h>

#include <cmath>
#include <string>

#include "cpu/batch_norm/kernel.h"
#include "test/native/compare.h"
#include "test/native/everywhere.h"
#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

using cpu::Isa;

TEST_CASE("batch norm: moments in float64, about the first value of a channel") {
  everywhere([](Isa isa, std::size_t n) {
    for (const float centre : {0.0f, 1e6f}) {  // there neighbours are 1/16 apart
      std::vector<float> values = random_values(2 * n);
      for (float& value : values) value += centre;
      Input x(values);
      double moments[6], twin[6], expected[6] = {static_cast<double>(values[0]), 0, 0, static_cast<double>(values[n])};
      for (std::size_t i = 0; i < 2 * n; ++i) {
        double* of_channel = expected + 3 * (i / n);
        const double from_first = static_cast<double>(values[i]) - of_channel[0];
        of_channel[1] += from_first, of_channel[2] += from_first * from_first;
      }
      cpu::batch_norm_kernels(isa).moments(x.data(), 2, n, moments);
      cpu::batch_norm_scalar.moments(x.data(), 2, n, twin);
      // float64 sums of at most 1024 float32 values, in another order.
      for (int k = 0; k < 6; ++k) CHECK(std::abs(moments[k] - expected[k]) <= 1e-13 * static_cast<double>(n));
      for (int k = 0; k < 6; ++k) CHECK(twin[k] == expected[k]);
    }
  });
}

TEST_CASE("batch norm: sums over large planes keep what stands beside a large sum") {
  constexpr std::size_t n = 512 * 512 + 3;
  std::vector<float> values(n), large(n);
  double expected[3] = {};
  for (std::size_t i = 0; i < n; ++i) {
    // All of one sign, so that a sum grows with the plane.
    values[i] = 1.0f + static_cast<float>(i % 7) * 0.1f, large[i] = 3.0f - static_cast<float>(i % 5) * 0.2f;
    const double d = static_cast<double>(values[i]), xc = static_cast<double>(large[i]);
    expected[0] += d, expected[1] += xc * d, expected[2] += d * d;
  }
  Input d(values), xc(large);
  for (const Isa isa : cpu::supported_isas()) {
    CAPTURE(std::string(cpu::isa_name(isa)));
    double sums[3] = {};
    cpu::batch_norm_kernels(isa).sums({d.data(), xc.data(), n, n, 1, 1, n}, sums);
    for (int k = 0; k < 3; ++k) CHECK(std::abs(sums[k] - expected[k]) <= 2e-6 * expected[k]);
  }
}

TEST_CASE("batch norm: sums of a query, over images and channels") {
  everywhere([](Isa isa, std::size_t n) {
    constexpr std::size_t images = 3, channels = 2;
    const std::size_t d_step = channels * n + 5, xc_step = 4 * n;  // xc has more channels than d
    Input d(random_values(images * d_step)), xc(random_values(images * xc_step));
    double exact[6] = {}, absolute[6] = {};
    for (std::size_t image = 0; image < images; ++image) {
      for (std::size_t i = 0; i < channels * n; ++i) {
        const double value = static_cast<double>(d.data()[image * d_step + i]);
        const double terms[3] = {value, static_cast<double>(xc.data()[image * xc_step + i]) * value, value * value};
        for (std::size_t k = 0; k < 3; ++k) {
          exact[3 * (i / n) + k] += terms[k];
          absolute[3 * (i / n) + k] += std::abs(terms[k]);
        }
      }
    }
    const cpu::BatchNormInput input = {d.data(), xc.data(), d_step, xc_step, images, channels, n};
    for (const cpu::BatchNormKernels* kernels : {&cpu::batch_norm_kernels(isa), &cpu::batch_norm_scalar}) {
      double sums[6] = {1, 2, 3, 4, 5, 6};
      kernels->sums(input, sums);
      // float32 sums of at most 3072 terms; float64 in the twin.
      for (int k = 0; k < 6; ++k) CHECK(std::abs(sums[k] - exact[k] - (k + 1)) <= 6e-6 * absolute[k]);
    }
  });
}

}  // namespace
}  // namespace deepzero::test
