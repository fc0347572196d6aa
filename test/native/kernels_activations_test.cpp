// Kernels of leaky ReLU, sigmoid, tanh and average pooling: on every instruction set against the scalar twin, and the
// smooth ones against float64 values as well.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string>

#include "cpu/avg_pool/kernel.h"
#include "cpu/leaky_relu/kernel.h"
#include "cpu/sigmoid/kernel.h"
#include "test/native/compare.h"
#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

using cpu::Isa;

/// Calls with(isa, n) for every instruction set and some lengths, whole vectors and parts of one.
template <class With>
void everywhere(const With& with) {
  for (const Isa isa : cpu::supported_isas()) {
    CAPTURE(std::string(cpu::isa_name(isa)));
    for (const std::size_t n : {1u, 2u, 7u, 8u, 9u, 15u, 16u, 17u, 31u, 32u, 33u, 49u, 64u, 100u, 1024u}) {
      CAPTURE(n);
      with(isa, n);
    }
  }
}

std::vector<float> scaled(std::size_t n, float factor) {
  std::vector<float> values = random_values(n);
  for (float& value : values) value *= factor;
  return values;
}

TEST_CASE("leaky relu: forward and difference have the twin's values, NaN included; in place too") {
  everywhere([](Isa isa, std::size_t n) {
    const cpu::LeakyReluKernels& kernels = cpu::leaky_relu_kernels(isa);
    std::vector<float> d_values = random_values(n);
    for (float& value : d_values)
      if (generator()() % 6 == 0) value = std::numeric_limits<float>::quiet_NaN();
    for (const float slope : {0.0f, 0.01f, 0.3f, 1.0f})
      for (const float inverse_mu : {200.0f, 1e4f, 1.0f}) {
        // Of the size of μ, so that about half of the differences cross the kink.
        Input x(scaled(n, 1 / inverse_mu)), d(d_values);
        Output y(n), twin(n), dy(n), dtwin(n), bent(n), bent_twin(n);
        kernels.forward(x.data(), slope, n, y.data());
        cpu::leaky_relu_scalar.forward(x.data(), slope, n, twin.data());
        CHECK(compare_exact(y, twin.values()) == "");
        kernels.forward(d.data(), slope, n, bent.data());
        cpu::leaky_relu_scalar.forward(d.data(), slope, n, bent_twin.data());
        CHECK(compare_exact(bent, bent_twin.values()) == "");

        kernels.difference(d.data(), x.data(), slope, inverse_mu, n, dy.data());
        cpu::leaky_relu_scalar.difference(d.data(), x.data(), slope, inverse_mu, n, dtwin.data());
        CHECK(compare_exact(dy, dtwin.values()) == "");
        kernels.difference(d.data(), x.data(), slope, inverse_mu, n, d.data());
        CHECK(std::memcmp(d.data(), dy.data(), n * sizeof(float)) == 0);
      }
  });
}

TEST_CASE("sigmoid and tanh: values to a few units of the last place, from 0 to saturation; in place too") {
  everywhere([](Isa isa, std::size_t n) {
    const cpu::SigmoidKernels& kernels = cpu::sigmoid_kernels(isa);
    for (const float size : {1e-6f, 0.3f, 5.0f, 30.0f, 200.0f}) {
      const std::vector<float> x_values = scaled(n, size);
      Input x(x_values);
      Output sigmoid(n), tanh(n);
      kernels.sigmoid(x.data(), n, sigmoid.data());
      kernels.tanh(x.data(), n, tanh.data());
      CHECK(sigmoid.written_outside() == "");
      CHECK(tanh.written_outside() == "");
      for (std::size_t i = 0; i < n; ++i) {
        const double value = static_cast<double>(x_values[i]);
        CAPTURE(value);
        const double s = 1 / (1 + std::exp(-value)), t = std::tanh(value);
        // Four roundings of float32; below exp(−87) the sigmoid stays there.
        CHECK(std::abs(static_cast<double>(sigmoid.values()[i]) - s) <= 4e-7 * s + 2e-38);
        CHECK(std::abs(static_cast<double>(tanh.values()[i]) - t) <= 4e-7 * std::abs(t));
      }
      kernels.tanh(x.data(), n, x.data());
      CHECK(std::memcmp(x.data(), tanh.data(), n * sizeof(float)) == 0);
    }
    std::vector<float> nan(n, std::numeric_limits<float>::quiet_NaN()), out(n);
    kernels.sigmoid(nan.data(), n, out.data());
    CHECK(std::all_of(out.begin(), out.end(), [](float value) { return std::isnan(value); }));
    kernels.tanh(nan.data(), n, out.data());
    CHECK(std::all_of(out.begin(), out.end(), [](float value) { return std::isnan(value); }));
  });
}

TEST_CASE("sigmoid and tanh: differences have the twin's digits at any mu, NaN included; in place too") {
  everywhere([](Isa isa, std::size_t n) {
    const cpu::SigmoidKernels& kernels = cpu::sigmoid_kernels(isa);
    for (const auto& [rule, twin_rule] : {std::pair{kernels.sigmoid_difference, cpu::sigmoid_scalar.sigmoid_difference},
                                          std::pair{kernels.tanh_difference, cpu::sigmoid_scalar.tanh_difference}})
      for (const float inverse_mu : {1.0f, 0.1f, 200.0f, 1e4f, 1e30f}) {
        const std::vector<float> x_values = scaled(n, 12);
        std::vector<float> d_values = scaled(n, 3);
        Input x(x_values), d(d_values);
        Output y(n), twin(n);
        rule(d.data(), x.data(), inverse_mu, n, y.data());
        twin_rule(d.data(), x.data(), inverse_mu, n, twin.data());
        CHECK(y.written_outside() == "");
        for (std::size_t i = 0; i < n; ++i) {
          CAPTURE(x_values[i]);
          CAPTURE(d_values[i]);
          CHECK(std::abs(y.values()[i] - twin.values()[i]) <= 1e-6f * std::abs(twin.values()[i]));  // a few roundings
        }
        rule(d.data(), x.data(), inverse_mu, n, d.data());
        CHECK(std::memcmp(d.data(), y.data(), n * sizeof(float)) == 0);
        std::fill(d_values.begin(), d_values.end(), std::numeric_limits<float>::quiet_NaN());
        rule(d_values.data(), x.data(), inverse_mu, n, d_values.data());
        CHECK(std::all_of(d_values.begin(), d_values.end(), [](float value) { return std::isnan(value); }));
      }
  });
}

TEST_CASE("average pool: the twin's values on every instruction set; padding counts as zeros") {
  const auto geometry = [](int h, int w, int k, int s, int p) -> cpu::PoolGeometry {
    return {h, w, (h + 2 * p - k) / s + 1, (w + 2 * p - k) / s + 1, k, k, s, s, p, p};
  };
  std::vector<cpu::PoolGeometry> shapes = {geometry(32, 32, 3, 2, 1), geometry(15, 17, 3, 2, 1),
                                           geometry(7, 10, 3, 3, 0),  geometry(5, 5, 5, 1, 2),
                                           geometry(1, 1, 1, 1, 0),   geometry(4, 6, 2, 2, 1)};
  for (int w = 2; w <= 70; ++w) shapes.push_back(geometry(2 + w % 7, w, 2, 2, 0));
  for (const cpu::PoolGeometry& g : shapes) {
    CAPTURE(g.in_h);
    CAPTURE(g.in_w);
    CAPTURE(g.kernel_h);
    const std::size_t out = static_cast<std::size_t>(g.out_h) * g.out_w;
    Input x(random_values(static_cast<std::size_t>(g.in_h) * g.in_w));
    Output twin(out);
    cpu::avg_pool_scalar.forward(g, x.data(), twin.data());
    for (const Isa isa : cpu::supported_isas()) {
      CAPTURE(std::string(cpu::isa_name(isa)));
      Output got(out);
      cpu::avg_pool_kernels(isa).forward(g, x.data(), got.data());
      CHECK(compare_exact(got, twin.values()) == "");
    }
  }
  const float x = 9.0f;
  float y = 0;
  cpu::avg_pool_scalar.forward(geometry(1, 1, 3, 1, 1), &x, &y);
  CHECK(y == 1.0f);
  // The area of a kernel may be more than an int.
  cpu::avg_pool_scalar.forward(geometry(1, 1, 65537, 1, 32768), &x, &y);
  CHECK(y == 9 / (65537.0f * 65537.0f));
}

}  // namespace
}  // namespace deepzero::test
