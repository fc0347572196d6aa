// Kernels of batch norm on a channel, with the residual sum and the ReLU that follow: each instruction set against the
// scalar twin, or against the parts that it fuses.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "cpu/batch_norm/kernel.h"
#include "cpu/relu/kernel.h"
#include "test/native/compare.h"
#include "test/native/everywhere.h"
#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

using cpu::Isa;

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

}  // namespace
}  // namespace deepzero::test
