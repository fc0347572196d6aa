// Kernels on planes and vectors (ReLU, add, batch norm, mean, linear): each instruction set against the scalar twin,
// for every length from 1 to 70 and those of ResNet-20.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
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

TEST_CASE("batch norm: moments in float64") {
  everywhere([](Isa isa, std::size_t n) {
    Input x(random_values(2 * n));
    double sums[4] = {1, 2, 3, 4}, expected[4] = {1, 2, 3, 4};
    cpu::batch_norm_kernels(isa).moments(x.data(), 2, n, sums);
    cpu::batch_norm_scalar.moments(x.data(), 2, n, expected);
    // float64 sums of at most 1024 float32 values, in another order.
    for (int k = 0; k < 4; ++k) CHECK(std::abs(sums[k] - expected[k]) <= 1e-13 * static_cast<double>(n));
    CHECK(expected[1] > 2);
  });
}

TEST_CASE("batch norm: base pass, with and without what follows") {
  everywhere([](Isa isa, std::size_t n) {
    const std::vector<float> factors = random_values(6);
    Input x(random_values(2 * n)), plus(random_values(2 * n));
    const auto run = [&](const cpu::BatchNormKernels& kernels, bool adds, std::array<Output, 4>& out) {
      kernels.forward({.x = x.data(),
                       .channels = 2,
                       .plane = n,
                       .mean = factors.data(),
                       .scale = factors.data() + 2,
                       .shift = factors.data() + 4,
                       .centred = out[0].data(),
                       .normalised = out[1].data(),
                       .plus = adds ? plus.data() : nullptr,
                       .sum = adds ? out[2].data() : nullptr,
                       .rectified = out[3].data()});
    };
    for (const bool adds : {false, true}) {
      std::array<Output, 4> got = {Output(2 * n), Output(2 * n), Output(2 * n), Output(2 * n)};
      std::array<Output, 4> twin = {Output(2 * n), Output(2 * n), Output(2 * n), Output(2 * n)};
      run(cpu::batch_norm_kernels(isa), adds, got);
      run(cpu::batch_norm_scalar, adds, twin);
      CHECK(compare_exact(got[0], twin[0].values()) == "");
      // One rounding per term on either side, relative to the sum of the terms' absolute values.
      std::vector<float> magnitude(2 * n);
      for (std::size_t i = 0; i < 2 * n; ++i) {
        const std::size_t c = i / n;
        magnitude[i] = std::abs(factors[2 + c] * twin[0].values()[i]) + std::abs(factors[4 + c]) +
                       (adds ? std::abs(plus.values()[i]) : 0.0f);
      }
      for (const std::size_t k : {1u, 2u, 3u}) {
        if (k == 2 && !adds) continue;
        CHECK(compare(got[k], twin[k].values(), magnitude, 3e-7) == "");
      }
      // Results that nobody wants are left out, the others keep their bits.
      Output rectified(2 * n);
      cpu::batch_norm_kernels(isa).forward({.x = x.data(),
                                            .channels = 2,
                                            .plane = n,
                                            .mean = factors.data(),
                                            .scale = factors.data() + 2,
                                            .shift = factors.data() + 4,
                                            .plus = adds ? plus.data() : nullptr,
                                            .rectified = rectified.data()});
      CHECK(compare_exact(rectified, got[3].values()) == "");
    }
  });
}

TEST_CASE("batch norm: affine, in place too") {
  everywhere([](Isa isa, std::size_t n) {
    const cpu::BatchNormKernels& kernels = cpu::batch_norm_kernels(isa);
    const std::vector<float> values = random_values(n), factors = random_values(2);
    Input x(values);
    Output y(n), twin(n);
    std::vector<float> magnitude(n);
    for (std::size_t i = 0; i < n; ++i) magnitude[i] = std::abs(factors[0] * values[i]) + std::abs(factors[1]);
    kernels.affine(x.data(), factors[0], factors[1], n, y.data());
    cpu::batch_norm_scalar.affine(x.data(), factors[0], factors[1], n, twin.data());
    CHECK(compare(y, twin.values(), magnitude, 3e-7) == "");
    kernels.affine(x.data(), factors[0], factors[1], n, x.data());
    CHECK(compare_exact(y, x.values()) == "");
  });
}

TEST_CASE("batch norm: a NaN comes through the ReLU that follows") {
  for (const Isa isa : cpu::supported_isas()) {
    const cpu::BatchNormKernels& kernels = cpu::batch_norm_kernels(isa);
    const float nan = std::numeric_limits<float>::quiet_NaN(), values[3] = {1, nan, -1}, zero = 0, one = 1;
    float out[3] = {};
    kernels.forward(
        {.x = values, .channels = 1, .plane = 3, .mean = &zero, .scale = &one, .shift = &zero, .rectified = out});
    CHECK(out[0] == 1.0f);
    CHECK(std::isnan(out[1]));
    CHECK(out[2] == 0.0f);
    const double coefficients[3] = {1, 0, 0};
    kernels.difference({.d = values,
                        .xc = values,
                        .channels = 1,
                        .plane = 3,
                        .coefficients = coefficients,
                        .y = out,
                        .rectify = true,
                        .x = std::array{1.0f, 1.0f, -1.0f}.data(),
                        .inverse_mu = 2});
    CHECK(out[0] == 1.0f);
    CHECK(std::isnan(out[1]));
    CHECK(out[2] == 0.0f);
  }
}

// The step of a ReLU's rule where its base input is near 0 is as large as the difference itself, so there the fused
// kernel is compared with its parts on the same instruction set, bit for bit.
TEST_CASE("batch norm: a query's difference, and the ReLU and the residual sum that follow it") {
  everywhere([](Isa isa, std::size_t n) {
    const cpu::BatchNormKernels& kernels = cpu::batch_norm_kernels(isa);
    const std::vector<float> d = random_values(2 * n), xc = random_values(2 * n), plus = random_values(2 * n);
    const std::vector<float> x = random_values(2 * n), factors = random_values(4);
    const double coefficients[6] = {0.75, -0.5, 0.25, -1.25, 0.5, -0.125};
    Input d_in(d), xc_in(xc), plus_in(plus), x_in(x);
    const auto call = [&](float* y) {
      return cpu::BatchNormDifference{
          .d = d_in.data(), .xc = xc_in.data(), .channels = 2, .plane = n, .coefficients = coefficients, .y = y};
    };
    Output plain(2 * n), twin(2 * n);
    kernels.difference(call(plain.data()));
    cpu::batch_norm_scalar.difference(call(twin.data()));
    std::vector<float> magnitude(2 * n);
    for (std::size_t i = 0; i < 2 * n; ++i) {
      const double* k = coefficients + 3 * (i / n);
      magnitude[i] = static_cast<float>(std::abs(k[0] * static_cast<double>(d[i])) +
                                        std::abs(k[1] * static_cast<double>(xc[i])) + std::abs(k[2]));
    }
    CHECK(compare(plain, twin.values(), magnitude, 3e-7) == "");

    for (const bool adds : {false, true}) {
      std::vector<float> sum(plain.values().begin(), plain.values().end());
      for (std::size_t i = 0; adds && i < 2 * n; ++i) sum[i] += plus[i];
      for (const bool from_memory : {false, true}) {
        std::vector<float> base = x;
        for (std::size_t c = 0; !from_memory && c < 2; ++c)
          kernels.affine(xc_in.data() + c * n, factors[c], factors[2 + c], n, base.data() + c * n);
        std::vector<float> expected(2 * n);
        cpu::relu_kernels(isa).difference(sum.data(), base.data(), 200.0f, 2 * n, expected.data());

        cpu::BatchNormDifference fused = call(nullptr);
        fused.plus = adds ? plus_in.data() : nullptr;
        fused.rectify = true;
        fused.x = from_memory ? x_in.data() : nullptr;
        fused.scale = factors.data();
        fused.shift = factors.data() + 2;
        fused.inverse_mu = 200.0f;
        Output y(2 * n), in_place(2 * n);
        std::copy_n((adds ? plus : d).begin(), 2 * n, in_place.data());
        fused.y = y.data();
        kernels.difference(fused);
        CHECK(compare_exact(y, expected) == "");
        fused.y = in_place.data();
        (adds ? fused.plus : fused.d) = in_place.data();
        kernels.difference(fused);
        CHECK(compare_exact(in_place, expected) == "");
      }
      if (!adds) continue;
      cpu::BatchNormDifference added = call(nullptr);
      Output y(2 * n);
      added.plus = plus_in.data();
      added.y = y.data();
      kernels.difference(added);
      CHECK(compare_exact(y, sum) == "");
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
