// Kernels on planes and vectors (ReLU, add, batch norm, mean, linear): each instruction set against the scalar twin,
// for every length from 1 to 70 and those of ResNet-20.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <string>

#include "cpu/add/kernel.h"
#include "cpu/batch_norm/kernel.h"
#include "cpu/global_avg_pool/kernel.h"
#include "cpu/linear/kernel.h"
#include "cpu/relu/kernel.h"
#include "test/native/compare.h"
#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

using cpu::Isa;

std::vector<std::size_t> lengths() {
  std::vector<std::size_t> all;
  for (std::size_t n = 1; n <= 70; ++n) all.push_back(n);
  for (const std::size_t n : {127u, 128u, 196u, 256u, 1000u, 1024u}) all.push_back(n);
  return all;
}

/// Calls with(isa, n) for every instruction set and length.
template <class With>
void everywhere(const With& with) {
  for (const Isa isa : cpu::supported_isas()) {
    CAPTURE(std::string(cpu::isa_name(isa)));
    for (const std::size_t n : lengths()) {
      CAPTURE(n);
      with(isa, n);
    }
  }
}

/// Values of which about a fifth are special: zeros of both signs, infinities, NaN.
std::vector<float> with_specials(std::size_t n) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float specials[] = {0.0f, -0.0f, infinity, -infinity, std::numeric_limits<float>::quiet_NaN()};
  std::vector<float> values = random_values(n);
  for (float& value : values) {
    if (generator()() % 5 == 0) value = specials[generator()() % 5];
  }
  return values;
}

TEST_CASE("relu: forward and difference have the twin's values, NaN included; in place too") {
  everywhere([](Isa isa, std::size_t n) {
    const cpu::ReluKernels& kernels = cpu::relu_kernels(isa);
    const std::vector<float> x_values = with_specials(n), d_values = with_specials(n);
    for (const float inverse_mu : {200.0f, 1e4f, 1.0f}) {
      Input x(x_values), d(d_values);
      Output y(n), twin(n);
      kernels.forward(x.data(), n, y.data());
      cpu::relu_scalar.forward(x.data(), n, twin.data());
      CHECK(compare_exact(y, twin.values()) == "");

      Output dy(n), dtwin(n);
      kernels.difference(d.data(), x.data(), inverse_mu, n, dy.data());
      cpu::relu_scalar.difference(d.data(), x.data(), inverse_mu, n, dtwin.data());
      CHECK(compare_exact(dy, dtwin.values()) == "");

      kernels.difference(d.data(), x.data(), inverse_mu, n, d.data());
      CHECK(std::memcmp(d.data(), dy.data(), n * sizeof(float)) == 0);
    }
  });
}

TEST_CASE("relu: the twin is the rule, and NaN comes through") {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> x = {2.0f, 2.0f, 2.0f, -2.0f, -2.0f, -2.0f, 0.0f, 0.0f, 2.0f, -2.0f};
  const std::vector<float> d = {3.0f, -3.0f, -5.0f, 3.0f, 5.0f, -1.0f, 1.0f, -1.0f, nan, nan};
  const std::vector<float> expected = {3.0f, -3.0f, -4.0f, 0.0f, 1.0f, 0.0f, 1.0f, 0.0f, nan, nan};
  for (const Isa isa : cpu::supported_isas()) {
    CAPTURE(std::string(cpu::isa_name(isa)));
    Output y(x.size()), forward(d.size());
    cpu::relu_kernels(isa).difference(d.data(), x.data(), 2.0f, x.size(), y.data());
    CHECK(compare_exact(y, expected) == "");
    cpu::relu_kernels(isa).forward(d.data(), d.size(), forward.data());
    CHECK(compare_exact(forward, std::vector<float>{3, 0, 0, 3, 5, 0, 1, 0, nan, nan}) == "");
  }
}

TEST_CASE("add: exact, in place too") {
  everywhere([](Isa isa, std::size_t n) {
    Input a(with_specials(n)), b(with_specials(n));
    Output y(n), twin(n);
    cpu::add_kernels(isa).forward(a.data(), b.data(), n, y.data());
    cpu::add_scalar.forward(a.data(), b.data(), n, twin.data());
    CHECK(compare_exact(y, twin.values()) == "");
    cpu::add_kernels(isa).forward(a.data(), b.data(), n, b.data());
    CHECK(std::equal(b.values().begin(), b.values().end(), y.values().begin(),
                     [](float p, float q) { return p == q || (std::isnan(p) && std::isnan(q)); }));
  });
}

TEST_CASE("batch norm: sum and centre in float64") {
  everywhere([](Isa isa, std::size_t n) {
    const cpu::BatchNormKernels& kernels = cpu::batch_norm_kernels(isa);
    Input x(random_values(n));
    // float64 sums of at most 1024 float32 values, in another order.
    const double tolerance = 1e-13 * static_cast<double>(n);
    CHECK(std::abs(kernels.sum(x.data(), n) - cpu::batch_norm_scalar.sum(x.data(), n)) <= tolerance);

    Output xc(n), twin(n);
    double moments[2] = {NAN, NAN}, expected[2] = {NAN, NAN};
    kernels.centre(x.data(), 0.3f, n, xc.data(), moments);
    cpu::batch_norm_scalar.centre(x.data(), 0.3f, n, twin.data(), expected);
    CHECK(compare_exact(xc, twin.values()) == "");
    CHECK(std::abs(moments[0] - expected[0]) <= tolerance);
    CHECK(std::abs(moments[1] - expected[1]) <= tolerance);
    CHECK(expected[1] > 0);
  });
}

TEST_CASE("batch norm: affine and difference, in place too") {
  everywhere([](Isa isa, std::size_t n) {
    const cpu::BatchNormKernels& kernels = cpu::batch_norm_kernels(isa);
    const std::vector<float> d_values = random_values(n), x_values = random_values(n), factors = random_values(3);
    const float a = factors[0], b = factors[1], c = factors[2];
    // One rounding per term on either side, relative to the sum of the terms' absolute values.
    constexpr double tolerance = 3e-7;
    Input d(d_values), x(x_values);

    Output y(n), twin(n);
    std::vector<float> magnitude(n);
    for (std::size_t i = 0; i < n; ++i) magnitude[i] = std::abs(a * d_values[i]) + std::abs(b);
    kernels.affine(d.data(), a, b, n, y.data());
    cpu::batch_norm_scalar.affine(d.data(), a, b, n, twin.data());
    CHECK(compare(y, twin.values(), magnitude, tolerance) == "");

    Output dy(n), dtwin(n);
    for (std::size_t i = 0; i < n; ++i) {
      magnitude[i] = std::abs(a * d_values[i]) + std::abs(b * x_values[i]) + std::abs(c);
    }
    kernels.difference(d.data(), x.data(), a, b, c, n, dy.data());
    cpu::batch_norm_scalar.difference(d.data(), x.data(), a, b, c, n, dtwin.data());
    CHECK(compare(dy, dtwin.values(), magnitude, tolerance) == "");

    kernels.difference(d.data(), x.data(), a, b, c, n, d.data());
    CHECK(std::memcmp(d.data(), dy.data(), n * sizeof(float)) == 0);
    Input again(d_values);
    kernels.affine(again.data(), a, b, n, again.data());
    CHECK(std::memcmp(again.data(), y.data(), n * sizeof(float)) == 0);
  });
}

TEST_CASE("batch norm: sums of a query") {
  everywhere([](Isa isa, std::size_t n) {
    Input d(random_values(n)), x(random_values(n));
    std::vector<float> expected(3), magnitude(3);
    double exact[3] = {}, absolute[3] = {};
    for (std::size_t i = 0; i < n; ++i) {
      const double value = static_cast<double>(d.data()[i]), xc = static_cast<double>(x.data()[i]);
      const double terms[3] = {value, xc * value, value * value};
      for (int k = 0; k < 3; ++k) {
        exact[k] += terms[k];
        absolute[k] += std::abs(terms[k]);
      }
    }
    for (std::size_t k = 0; k < 3; ++k) {
      expected[k] = static_cast<float>(exact[k]);
      magnitude[k] = static_cast<float>(absolute[k]);
    }
    Output sums(3);
    cpu::batch_norm_kernels(isa).sums(d.data(), x.data(), n, sums.data());
    // float32 sums of at most 1024 terms: the twin adds them one by one, √1024 · 2⁻²⁵ on average.
    CHECK(compare(sums, expected, magnitude, 2e-6) == "");
    for (std::size_t k = 0; k < 3; ++k) CHECK(std::abs(sums.values()[k] - expected[k]) <= 4e-6f * magnitude[k]);
  });
}

TEST_CASE("global average pool: the mean") {
  everywhere([](Isa isa, std::size_t n) {
    Input x(random_values(n));
    const float got = cpu::global_avg_pool_kernels(isa).mean(x.data(), n);
    // Summed in float64 on both sides: at most the last rounding differs.
    CHECK(std::abs(got - cpu::global_avg_pool_scalar.mean(x.data(), n)) <= 1.2e-7f * std::abs(got) + 1e-15f);
  });
}

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
