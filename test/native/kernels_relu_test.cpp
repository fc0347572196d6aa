// Kernels of ReLU: its rule, and each instruction set against the scalar twin.
#include <doctest/doctest.h>

#include <cstring>
#include <limits>
#include <string>

#include "cpu/relu/kernel.h"
#include "test/native/compare.h"
#include "test/native/everywhere.h"
#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

using cpu::Isa;

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

}  // namespace
}  // namespace deepzero::test
