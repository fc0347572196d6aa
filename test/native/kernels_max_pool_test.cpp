// Max-pooling kernels: the values of the scalar twin exactly, NaN included; the twin against its definition.
#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "cpu/max_pool/kernel.h"
#include "test/native/compare.h"
#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

using cpu::Isa;
using cpu::PoolGeometry;

PoolGeometry geometry(int h, int w, int k, int s, int p) {
  return {h, w, (h + 2 * p - k) / s + 1, (w + 2 * p - k) / s + 1, k, k, s, s, p, p};
}

std::vector<PoolGeometry> shapes() {
  std::vector<PoolGeometry> all = {geometry(32, 32, 3, 2, 1), geometry(15, 17, 3, 2, 1), geometry(9, 9, 3, 1, 1),
                                   geometry(7, 10, 3, 3, 0),  geometry(5, 5, 5, 1, 2),   geometry(1, 1, 1, 1, 0)};
  for (int w = 2; w <= 70; ++w) all.push_back(geometry(2 + w % 7, w, 2, 2, 0));
  return all;
}

std::string text(const PoolGeometry& g) {
  return std::to_string(g.in_h) + "x" + std::to_string(g.in_w) + ", kernel " + std::to_string(g.kernel_h) +
         ", stride " + std::to_string(g.stride_h) + ", pad " + std::to_string(g.pad_h);
}

/// Few distinct values, so that windows have ties.
std::vector<float> with_ties(std::size_t n) {
  std::vector<float> values = random_values(n);
  for (float& value : values) value = std::round(value * 4.0f);
  return values;
}

TEST_CASE("max pool: forward and difference of every instruction set") {
  for (const PoolGeometry& g : shapes()) {
    CAPTURE(text(g));
    const std::size_t in = static_cast<std::size_t>(g.in_h) * g.in_w, out = static_cast<std::size_t>(g.out_h) * g.out_w;
    for (const bool nan : {false, true}) {
      const std::vector<float> x_values = with_ties(in);
      std::vector<float> d_values = random_values(in);
      if (nan) {
        for (float& value : d_values) {
          if (generator()() % 6 == 0) value = std::numeric_limits<float>::quiet_NaN();
        }
      }
      Input x(x_values), d(d_values);
      Output twin(out), dtwin(out);
      cpu::max_pool_scalar.forward(g, x.data(), twin.data());
      Input y(twin.values());
      cpu::max_pool_scalar.difference(g, d.data(), x.data(), y.data(), 200.0f, dtwin.data());
      for (const Isa isa : cpu::supported_isas()) {
        CAPTURE(std::string(cpu::isa_name(isa)));
        Output got(out), dgot(out), dforward(out), dforward_twin(out);
        cpu::max_pool_kernels(isa).forward(g, x.data(), got.data());
        CHECK(compare_exact(got, twin.values()) == "");
        cpu::max_pool_kernels(isa).difference(g, d.data(), x.data(), y.data(), 200.0f, dgot.data());
        CHECK(compare_exact(dgot, dtwin.values()) == "");
        cpu::max_pool_kernels(isa).forward(g, d.data(), dforward.data());
        cpu::max_pool_scalar.forward(g, d.data(), dforward_twin.data());
        CHECK(compare_exact(dforward, dforward_twin.values()) == "");
      }
    }
  }
}

TEST_CASE("max pool: the twin is max(x + Δx) − max(x), and keeps a NaN wherever it stands in the window") {
  const PoolGeometry g = geometry(2, 2, 2, 2, 0);
  const std::vector<float> x = {1.0f, 3.0f, 2.0f, 2.5f};
  for (const Isa isa : cpu::supported_isas()) {
    CAPTURE(std::string(cpu::isa_name(isa)));
    Output y(1), dy(1);
    cpu::max_pool_kernels(isa).forward(g, x.data(), y.data());
    CHECK(y.values()[0] == 3.0f);
    const std::vector<float> d = {3.0f, -1.0f, 0.0f, 0.75f};  // scaled by 1/μ = 2: Δx = 1.5, −0.5, 0, 0.375
    cpu::max_pool_kernels(isa).difference(g, d.data(), x.data(), y.data(), 2.0f, dy.data());
    CHECK(dy.values()[0] == -0.25f);  // 2·(max(2.5, 2.5, 2, 2.875) − 3)
    for (std::size_t i = 0; i < 4; ++i) {
      std::vector<float> broken = d;
      broken[i] = std::numeric_limits<float>::quiet_NaN();
      cpu::max_pool_kernels(isa).difference(g, broken.data(), x.data(), y.data(), 2.0f, dy.data());
      CHECK(std::isnan(dy.values()[0]));
    }
  }
}

TEST_CASE("max pool: padding counts as minus infinity") {
  const PoolGeometry g = geometry(1, 1, 3, 1, 1);
  const float x = -7.0f;
  for (const Isa isa : cpu::supported_isas()) {
    Output y(1);
    cpu::max_pool_kernels(isa).forward(g, &x, y.data());
    CHECK(y.values()[0] == -7.0f);
  }
}

}  // namespace
}  // namespace deepzero::test
