// The loops that measure a machine's peaks compute what they say, on every instruction set.
#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <vector>

#include "bench/peak/peak.h"
#include "cpu/isa.h"

namespace deepzero::test {
namespace {

constexpr std::size_t kFloats = 384;  // a multiple of 128, as the loops ask for

std::vector<float> ramp(float first, float step) {
  std::vector<float> values(kFloats);
  for (std::size_t i = 0; i < kFloats; ++i) values[i] = first + step * static_cast<float>(i);
  return values;
}

TEST_CASE("bench: loops that read and write memory compute what they say") {
  const std::vector<float> b = ramp(1, 0.25f), c = ramp(-2, 0.5f);
  double expected = 0;
  for (std::size_t i = 0; i < kFloats; ++i) expected += static_cast<double>(b[i]) * c[i];
  for (const cpu::Isa isa : cpu::supported_isas()) {
    CAPTURE(cpu::isa_name(isa));
    const bench::PeakLoops& loops = bench::peak_loops(isa);
    std::vector<float> a(kFloats, -1.0f);
    loops.triad(b.data(), c.data(), 0.5f, kFloats, a.data());
    for (std::size_t i = 0; i < kFloats; ++i) REQUIRE(a[i] == b[i] + 0.5f * c[i]);  // exact: a few bits each
    std::vector<float> sink(64, 0.0f);
    loops.dot(b.data(), c.data(), kFloats, sink.data());
    double sum = 0;
    for (const float lane : sink) sum += lane;
    CHECK(std::abs(sum - expected) <= 1e-5 * std::abs(expected));
  }
}

TEST_CASE("bench: the loop in registers does its rounds") {
  for (const cpu::Isa isa : cpu::supported_isas()) {
    CAPTURE(cpu::isa_name(isa));
    const bench::PeakLoops& loops = bench::peak_loops(isa);
    CHECK(loops.flops_per_round > 0);
    std::vector<float> few(64, 0.0f), more(64, 0.0f);
    loops.run(10, few.data());
    loops.run(1000, more.data());
    CHECK(std::isfinite(more[0]));
    CHECK(few[0] != more[0]);
  }
}

}  // namespace
}  // namespace deepzero::test
