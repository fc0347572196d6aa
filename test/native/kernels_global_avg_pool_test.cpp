// The kernel of global average pooling: each instruction set against the scalar twin.
#include <doctest/doctest.h>

#include <cmath>

#include "cpu/global_avg_pool/kernel.h"
#include "test/native/compare.h"
#include "test/native/everywhere.h"
#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

using cpu::Isa;

TEST_CASE("global average pool: the mean") {
  everywhere([](Isa isa, std::size_t n) {
    Input x(random_values(n));
    const float got = cpu::global_avg_pool_kernels(isa).mean(x.data(), n);
    // Summed in float64 on both sides: at most the last rounding differs.
    CHECK(std::abs(got - cpu::global_avg_pool_scalar.mean(x.data(), n)) <= 1.2e-7f * std::abs(got) + 1e-15f);
  });
}

}  // namespace
}  // namespace deepzero::test
