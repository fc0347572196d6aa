// bfloat16: rounding, and each instruction set against the scalar twin; differences stored so.
#include <doctest/doctest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "bench/networks.h"
#include "cpu/bfloat16/kernel.h"
#include "engine/rules/bfloat16.h"
#include "engine/session.h"
#include "test/native/compare.h"
#include "test/native/isa_cap.h"
#include "test/native/oracle.h"
#include "test/native/random_graph.h"
#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

using cpu::Isa;

TEST_CASE("bfloat16: to nearest, ties to even, infinities and NaN") {
  const auto round = [](float value) { return rules::from_bfloat16(rules::to_bfloat16(value)); };
  CHECK(round(1.0f) == 1.0f);
  CHECK(round(1.0f + 1.0f / 256) == 1.0f);               // a tie, to even
  CHECK(round(1.0f + 3.0f / 256) == 1.0f + 4.0f / 256);  // a tie, to even
  CHECK(round(1.0f + 1.1f / 256) == 1.0f + 2.0f / 256);
  CHECK(round(-2.5f) == -2.5f);
  CHECK(std::signbit(round(-0.0f)));
  CHECK(std::isinf(round(std::numeric_limits<float>::max())));
  CHECK(std::isinf(round(-std::numeric_limits<float>::infinity())));
  CHECK(std::isnan(round(std::numeric_limits<float>::quiet_NaN())));
  CHECK(std::isnan(round(std::bit_cast<float>(0x7f800001u))));  // one whose upper half would be infinity
}

TEST_CASE("bfloat16: the same bits on every instruction set, there and back") {
  for (const Isa isa : cpu::supported_isas()) {
    CAPTURE(std::string(cpu::isa_name(isa)));
    const cpu::Bfloat16Kernels& kernels = cpu::bfloat16_kernels(isa);
    for (const std::size_t n : {1u, 7u, 8u, 15u, 16u, 17u, 33u, 1000u}) {
      std::vector<float> values = random_values(n);
      for (std::size_t i = 0; i < n; i += 5) {  // any bits, NaN among them
        const auto bits = static_cast<std::uint32_t>(generator()());
        std::memcpy(&values[i], &bits, sizeof bits);
      }
      Input from(values);
      std::vector<std::uint16_t> got(n), expected(n);
      kernels.narrow(from.data(), n, got.data());
      cpu::bfloat16_scalar.narrow(from.data(), n, expected.data());
      CHECK(got == expected);
      Output back(n), twin(n);
      kernels.widen(got.data(), n, back.data());
      cpu::bfloat16_scalar.widen(got.data(), n, twin.data());
      CHECK(compare_exact(back, twin.values()) == "");
    }
  }
}

TEST_CASE("bfloat16: differences stored so agree with two float64 passes to 5e-3, whatever threads and memory") {
  const Model model = bench::initial_model(bench::network_spec("resnet8"), 5);
  const auto network = std::make_shared<const Network>(model.spec);
  const RandomBatch batch(*network, 5);  // not a multiple of the images that are worked off together
  std::vector<std::uint32_t> coordinates;
  for (const ParameterInfo& parameter : network->parameters())
    for (std::size_t i = 0; i < 2; ++i)
      coordinates.push_back(static_cast<std::uint32_t>(parameter.offset + i * 7919 % parameter.size));
  const auto run = [&](const cpu::Options& options, Method method) {
    const auto session = make_session(network, options);
    session->set_parameters(model.parameters);
    return session->differences(batch.batch(), coordinates, {.mu = 5e-3, .method = method}, {}).values;
  };
  const std::vector<float> expected = run({.threads = 2}, Method::two_pass_f64);
  for (const Isa isa : cpu::supported_isas()) {
    CAPTURE(std::string(cpu::isa_name(isa)));
    const Cap cap(cpu::isa_name(isa));
    const std::vector<float> half = run({.threads = 2, .storage = cpu::Storage::bfloat16}, Method::propagation);
    const std::vector<float> full = run({.threads = 2}, Method::propagation);
    CHECK(relative_error(half, expected) <= 5e-3);
    CHECK(relative_error(half, full) > 1e-5);  // it was stored so
    CHECK(run({.threads = 1, .memory = 1, .storage = cpu::Storage::bfloat16}, Method::propagation) == half);
    CHECK(run({.threads = 3, .storage = cpu::Storage::bfloat16}, Method::propagation) == half);
  }
}

// Batch norm takes the mean of its input's difference out of every channel: of the values that it reads, which are the
// rounded ones. With sums taken before rounding, what is left is the mean rounding, about 1e-4 here.
TEST_CASE("bfloat16: the sums of a batch norm are of the rounded differences, in one channel and of dense ones") {
  const OpSpec first = conv_spec("first", "input", 4, 3, 1, 1, false);
  const NetworkSpec one{"one channel", {2, 5, 5}, {first, batch_norm_spec("norm", "first")}, "meanSquaredError"};
  const NetworkSpec dense{"dense",
                          {2, 5, 5},
                          {first, conv_spec("second", "first", 3, 3, 1, 1, false), batch_norm_spec("norm", "second")},
                          "meanSquaredError"};
  for (const NetworkSpec& spec : {one, dense}) {
    const auto network = std::make_shared<const Network>(spec);
    const std::vector<float> parameters = random_parameters(*network), buffers = random_buffers(*network);
    const RandomBatch batch(*network, 3);
    const std::vector<std::uint32_t> coordinates = {0, 7, 40, 71};
    const Shape& shape = network->shape(network->values() - 1);
    const std::size_t plane = static_cast<std::size_t>(shape.plane()), image = static_cast<std::size_t>(shape.size());
    for (const Isa isa : cpu::supported_isas()) {
      CAPTURE(spec.name);
      CAPTURE(std::string(cpu::isa_name(isa)));
      const Cap cap(cpu::isa_name(isa));
      const auto session = make_session(network, {.threads = 1, .storage = cpu::Storage::bfloat16});
      const std::vector<float> differences = session->output_differences(
          {batch.input.data(), nullptr, 3}, {parameters, buffers}, coordinates, {.mu = 5e-3}, {});
      std::vector<double> sum(coordinates.size() * static_cast<std::size_t>(shape.c)), size(sum.size());
      for (std::size_t i = 0; i < differences.size(); ++i) {
        const std::size_t channel = i / (3 * image) * static_cast<std::size_t>(shape.c) + i % image / plane;
        const double value = static_cast<double>(differences[i]);
        sum[channel] += value, size[channel] += std::abs(value);
      }
      for (std::size_t c = 0; c < sum.size(); ++c) CHECK(std::abs(sum[c]) <= 1e-5 * size[c]);
      CHECK(*std::max_element(size.begin(), size.end()) > 0);
    }
  }
}

}  // namespace
}  // namespace deepzero::test
