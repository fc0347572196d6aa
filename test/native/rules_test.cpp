// The difference rules against their definitions in extended precision, and the random generator against the
// published vectors.
#include <doctest/doctest.h>

#include <cmath>
#include <vector>

#include "engine/random/philox.h"
#include "engine/rules/batch_norm.h"
#include "engine/rules/cross_entropy.h"
#include "engine/rules/leaky_relu.h"
#include "engine/rules/relu.h"
#include "engine/rules/sigmoid.h"
#include "engine/rules/squared_error.h"
#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

double uniform(double first, double last) { return std::uniform_real_distribution<double>(first, last)(generator()); }

TEST_CASE("rules: ReLU in all four cases, near the kink and with NaN") {
  CHECK(rules::relu_difference(0.5f, 1.0f) == 0.5f);
  CHECK(rules::relu_difference(-2.0f, 1.0f) == -1.0f);
  CHECK(rules::relu_difference(2.0f, -1.5f) == 0.5f);
  CHECK(rules::relu_difference(1.0f, -1.5f) == 0.0f);
  CHECK(rules::relu_difference(-1.0f, 0.0f) == 0.0f);
  CHECK(std::isnan(rules::relu_difference(std::nanf(""), 1.0f)));
  CHECK(std::isnan(rules::relu_difference(std::nanf(""), -1.0f)));
}

TEST_CASE("rules: leaky ReLU against its definition in extended precision, on either side of the kink") {
  for (int trial = 0; trial < 5000; ++trial) {
    const float mu = static_cast<float>(std::pow(10.0, uniform(-6, 0))), slope = static_cast<float>(uniform(0, 1));
    // x of the size of Δx, so that the kink is crossed half of the time.
    const float d = static_cast<float>(uniform(-3, 3)), x = mu * static_cast<float>(uniform(-3, 3)), t = x / mu;
    const auto leaky = [&](long double v) { return v > 0 ? v : slope * v; };
    const long double expected = leaky(static_cast<long double>(t) + d) - leaky(t);
    // A few roundings of numbers of the size of d and t.
    CHECK(std::abs(rules::leaky_relu_difference(d, t, slope) - static_cast<double>(expected)) <=
          3e-7 * (std::abs(static_cast<double>(d)) + std::abs(static_cast<double>(t))));
  }
  CHECK(rules::leaky_relu_difference(-3.0f, 2.0f, 0.5f) == -2.5f);
  CHECK(rules::leaky_relu_difference(3.0f, -2.0f, 0.5f) == 2.0f);
  for (const float t : {1.0f, -1.0f, 0.0f}) CHECK(std::isnan(rules::leaky_relu_difference(std::nanf(""), t, 0.5f)));
}

/// σ(x + h) − σ(x); on one side of 0 as values near 0, which lose nothing.
long double sigmoid_change(long double x, long double h) {
  const auto sigmoid = [](long double v) { return v > 0 ? 1 / (1 + std::exp(-v)) : std::exp(v) / (1 + std::exp(v)); };
  return x > 0 && x + h > 0 ? sigmoid(-x) - sigmoid(-x - h) : sigmoid(x + h) - sigmoid(x);
}

TEST_CASE("rules: sigmoid and tanh keep their digits from tiny to huge changes, saturated or not") {
  for (int trial = 0; trial < 20000; ++trial) {
    const float mu = static_cast<float>(std::pow(10.0, uniform(-7, 1)));
    const float x = static_cast<float>(uniform(-20, 20)), d = static_cast<float>(uniform(-5, 5));
    const auto close = [&](float got, long double expected) {
      // Some roundings of the formula, and those of x and x + Δx, which the exponentials turn into relative errors.
      const double size = std::abs(static_cast<double>(x)) + std::abs(static_cast<double>(x + mu * d));
      return std::abs(got - static_cast<double>(expected)) <=
             (1e-6 + 2.5e-7 * size) * std::abs(static_cast<double>(expected)) + 1e-37;
    };
    const long double h = static_cast<long double>(mu) * d;
    CHECK(close(rules::sigmoid_difference(d, x, mu), sigmoid_change(x, h) / mu));
    CHECK(close(rules::tanh_difference(d, x, mu), 2 * sigmoid_change(2.0L * x, 2 * h) / mu));
  }
  // At any mu: as mu tends to 0, the derivative.
  CHECK(rules::sigmoid_difference(1e-8f, 0.0f, 1e-37f) == 0.25e-8f);
  CHECK(rules::tanh_difference(1e-8f, 0.0f, 1e-37f) == 1e-8f);
  for (const float x : {30.0f, 0.0f, -30.0f}) CHECK(std::isnan(rules::sigmoid_difference(std::nanf(""), x, 1e-3f)));
}

TEST_CASE("rules: squared error differences against the definition in extended precision") {
  constexpr int k = 12;
  for (int trial = 0; trial < 1000; ++trial) {
    const double mu = std::pow(10.0, uniform(-7, 1));
    float z[k], t[k], d[k];
    long double before = 0, after = 0, size = 0;
    for (int j = 0; j < k; ++j) {
      z[j] = static_cast<float>(uniform(-3, 3)), t[j] = static_cast<float>(uniform(-3, 3));
      d[j] = static_cast<float>(uniform(-2, 2));
      const long double error = static_cast<long double>(z[j]) - t[j], change = static_cast<long double>(mu) * d[j];
      before += error * error / k;
      after += (error + change) * (error + change) / k;
      size += std::abs(change) * (2 * std::abs(error) + std::abs(change)) / k;
    }
    CHECK(std::abs(rules::squared_error(z, t, k) - static_cast<double>(before)) <= 1e-14 * static_cast<double>(before));
    // Float64 roundings, and what the oracle loses by subtracting.
    CHECK(std::abs(rules::squared_error_difference(z, t, d, k, mu) - static_cast<double>(after - before)) <=
          1e-14 * static_cast<double>(size) + 1e-17);
  }
}

TEST_CASE("rules: cross-entropy differences keep their digits from tiny to huge changes") {
  constexpr int k = 10;
  for (int trial = 0; trial < 2000; ++trial) {
    double z[k], lp[k];
    float d[k];
    const double mu = std::pow(10.0, uniform(-7, 0.7)), size = std::pow(10.0, uniform(-2, 2.5));
    for (int j = 0; j < k; ++j) z[j] = uniform(-6, 6), d[j] = static_cast<float>(uniform(-size, size));
    const int y = trial % k;
    const double smoothing = trial % 3 == 0 ? 0 : uniform(0, 1);
    rules::log_softmax(z, k, lp);
    // log Σ exp(z + Δz) − Σ t·(z + Δz) − (log Σ exp(z) − Σ t·z) in extended precision.
    long double before = 0, after = 0, most = z[0], moved_most = -1e300L;
    for (int j = 0; j < k; ++j) {
      most = std::max(most, static_cast<long double>(z[j]));
      moved_most = std::max(moved_most, z[j] + static_cast<long double>(mu) * d[j]);
    }
    for (int j = 0; j < k; ++j) {
      before += std::exp(z[j] - most);
      after += std::exp(z[j] + static_cast<long double>(mu) * d[j] - moved_most);
    }
    long double centre = 0;
    for (int j = 0; j < k; ++j)
      centre +=
          ((j == y ? 1 - static_cast<long double>(smoothing) : 0) + static_cast<long double>(smoothing) / k) * d[j];
    const long double expected =
        (moved_most + std::log(after)) - (most + std::log(before)) - static_cast<long double>(mu) * centre;
    const double got = rules::cross_entropy_difference(lp, d, k, y, smoothing, mu);
    // Float64 keeps ten digits of the difference unless terms of either sign nearly cancel; the scale is the largest.
    // The oracle itself loses 1e-17.
    double scale = 0;
    for (int j = 0; j < k; ++j)
      scale = std::max(scale, mu * std::abs(static_cast<double>(d[j]) - static_cast<double>(centre)));
    CHECK(std::abs(got - static_cast<double>(expected)) <= 1e-10 * std::min(1.0, scale) + 1e-12 * scale + 1e-17);
  }
}

TEST_CASE("rules: a smoothed cross-entropy is that of soft targets; without smoothing, the label's own, bit for bit") {
  constexpr int k = 7;
  for (int trial = 0; trial < 200; ++trial) {
    double z[k], lp[k];
    float d[k];
    for (int j = 0; j < k; ++j) z[j] = uniform(-6, 6), d[j] = static_cast<float>(uniform(-3, 3));
    const int y = trial % k;
    const double smoothing = uniform(0, 1);
    rules::log_softmax(z, k, lp);
    long double expected = 0;
    for (int j = 0; j < k; ++j)
      expected -= ((j == y ? 1 - static_cast<long double>(smoothing) : 0) + static_cast<long double>(smoothing) / k) *
                  static_cast<long double>(lp[j]);
    // Sums of seven terms in float64.
    CHECK(std::abs(rules::cross_entropy(lp, k, y, smoothing) - static_cast<double>(expected)) <= 1e-14 * 12);
    CHECK(rules::cross_entropy(lp, k, y, 0) == -lp[y]);
    // A change that all outputs share moves no loss, whatever the targets.
    for (float& value : d) value = 1e30f;
    CHECK(rules::cross_entropy_difference(lp, d, k, y, smoothing, 1e-4) == 0);
  }
}

TEST_CASE("rules: batch norm against the definition in extended precision") {
  constexpr std::size_t m = 64;
  for (int trial = 0; trial < 300; ++trial) {
    const double mu = std::pow(10.0, uniform(-7, 0)), size = std::pow(10.0, uniform(-2, 2)), gamma = uniform(-2, 2);
    const double eps = 1e-5;
    std::vector<double> xc(m), d(m);
    for (std::size_t i = 0; i < m; ++i) xc[i] = uniform(-1, 1) + 0.01, d[i] = uniform(-size, size);
    if (trial % 10 == 0)  // a change that nearly cancels the channel's variance
      for (std::size_t i = 0; i < m; ++i) d[i] = -xc[i] * uniform(0.9, 0.9999) / mu;
    long double sum = 0, squares = 0, moved_sum = 0, moved_squares = 0;
    double sum_d = 0, sum_xd = 0, sum_dd = 0;
    for (std::size_t i = 0; i < m; ++i) {
      sum += xc[i], moved_sum += xc[i] + static_cast<long double>(mu) * d[i];
      sum_d += d[i], sum_xd += xc[i] * d[i], sum_dd += d[i] * d[i];
    }
    const long double a = sum / m, moved_a = moved_sum / m;
    for (std::size_t i = 0; i < m; ++i) {
      squares += (xc[i] - a) * (xc[i] - a);
      const long double moved = xc[i] + static_cast<long double>(mu) * d[i] - moved_a;
      moved_squares += moved * moved;
    }
    const double v = static_cast<double>(squares / m);
    const rules::BatchNormBase base{static_cast<double>(a), v, 1 / std::sqrt(v + eps), eps};
    const auto change = rules::batch_norm_change(base, sum_d, sum_xd, sum_dd, m, mu);
    const double scale = rules::batch_norm_recomputes(change, mu)
                             ? (1 / std::sqrt(static_cast<double>(moved_squares / m) + eps) - base.r) / mu
                             : rules::batch_norm_scale_change(base, change, mu);
    const auto k = rules::batch_norm_coefficients(base, change.mean, scale, gamma, mu);
    const long double r = 1 / std::sqrt(squares / m + eps), moved_r = 1 / std::sqrt(moved_squares / m + eps);
    double worst = 0, largest = 0;
    for (std::size_t i = 0; i < m; ++i) {
      const long double expected =
          gamma * ((xc[i] + static_cast<long double>(mu) * d[i] - moved_a) * moved_r - (xc[i] - a) * r) / mu;
      worst = std::max(worst, std::abs(k.a * d[i] + k.b * xc[i] + k.c - static_cast<double>(expected)));
      largest = std::max(largest, std::abs(static_cast<double>(expected)));
    }
    // Ten digits: float64 arithmetic, less what the long double oracle itself loses at mu = 1e-7.
    CHECK(worst <= 1e-9 * largest + 1e-19 / mu * std::abs(gamma));
  }
}

TEST_CASE("rules: batch norm with γ and β moved along a direction, against the definition in extended precision") {
  for (int trial = 0; trial < 300; ++trial) {
    const double mu = std::pow(10.0, uniform(-7, 0)), a = uniform(-0.1, 0.1), v = uniform(0.1, 2), eps = 1e-5;
    const double gamma = uniform(-2, 2), u_gamma = uniform(-2, 2), u_beta = uniform(-2, 2);
    const rules::BatchNormBase base{a, v, 1 / std::sqrt(v + eps), eps};
    // Any coefficients of Δx̂/μ; where the input has no difference, all are 0.
    rules::BatchNormCoefficients normalised{uniform(-2, 2), uniform(-2, 2), uniform(-2, 2)};
    if (trial % 5 == 0) normalised = {0, 0, 0};
    const auto k = rules::batch_norm_moved(base, normalised, gamma, u_gamma, u_beta, mu);
    for (int i = 0; i < 10; ++i) {
      const long double d = uniform(-3, 3), xc = uniform(-3, 3), x_hat = base.r * (xc - a);
      const long double moved = normalised.a * d + normalised.b * xc + normalised.c;
      // ((γ + μ·u_γ)·(x̂ + μ·moved) + β + μ·u_β − (γ·x̂ + β))/μ, expanded.
      const long double expected = gamma * moved + u_gamma * (x_hat + mu * moved) + u_beta;
      const double got = k.a * static_cast<double>(d) + k.b * static_cast<double>(xc) + k.c;
      CHECK(std::abs(got - static_cast<double>(expected)) <= 1e-13);  // float64, terms of order ten
    }
  }
}

TEST_CASE("random: Philox4x32-10 gives the vectors of its authors") {
  const auto ones = 0xffffffffu;
  CHECK(philox({0, 0, 0}, 0) == std::array<std::uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
  CHECK(philox({0xffffffffffffffffull, ones, ones}, 0xffffffffffffffffull) ==
        std::array<std::uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
  // Counter 243f6a88 85a308d3 13198a2e 03707344, key a4093822 299f31d0; RandomKey is (seed, purpose, stream).
  CHECK(philox({0x299f31d0a4093822ull, 0x03707344, 0x13198a2e}, 0x85a308d3243f6a88ull) ==
        std::array<std::uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST_CASE("random: any offset continues the sequence; normals follow Box-Muller and have the right moments") {
  const RandomKey key{42, 1, 3};
  std::vector<std::uint32_t> words(40);
  random_words(key, 0, words);
  for (std::uint64_t offset : {1, 5, 18}) {
    std::vector<std::uint32_t> part(7);
    random_words(key, offset, part);
    for (std::size_t i = 0; i < part.size(); ++i) CHECK(part[i] == words[offset + i]);
  }
  std::vector<float> normals(100000), tail(9);
  random_normal(key, 0, normals);
  random_normal(key, 13, tail);
  for (std::size_t i = 0; i < tail.size(); ++i) CHECK(tail[i] == normals[13 + i]);
  for (std::size_t i = 0; i < 40; i += 2) {
    const double u = (words[i] + 0.5) / 4294967296.0, angle = 6.283185307179586 * words[i + 1] / 4294967296.0;
    const double radius = std::sqrt(-2 * std::log(u));
    CHECK(std::abs(static_cast<double>(normals[i]) - radius * std::cos(angle)) <= 1e-6);
    CHECK(std::abs(static_cast<double>(normals[i + 1]) - radius * std::sin(angle)) <= 1e-6);
  }
  double sum = 0, squares = 0;
  for (const float value : normals) sum += value, squares += static_cast<double>(value) * static_cast<double>(value);
  CHECK(std::abs(sum / 100000) < 5 / std::sqrt(100000.0));  // five standard errors; the seed is fixed
  CHECK(std::abs(squares / 100000 - 1) < 5 * std::sqrt(2 / 100000.0));
}

}  // namespace
}  // namespace deepzero::test
