// The kernel of the sum of two tensors: each instruction set against the scalar twin.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "cpu/add/kernel.h"
#include "test/native/compare.h"
#include "test/native/everywhere.h"
#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

using cpu::Isa;

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

}  // namespace
}  // namespace deepzero::test
