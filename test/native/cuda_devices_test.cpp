// Devices, streams and memory of the CUDA backend: what must not change a bit, what happens where a device fails, and
// what becomes of a batch that the memory does not take. It runs over the SIMT runtime; most of it also with
// DEEPZERO_CUDA_LIBRARY naming a libdeepzero_cuda.so, on the devices of this machine.
#include <doctest/doctest.h>

#include <array>
#include <numeric>

#include "bench/networks.h"
#include "test/native/compare.h"
#include "test/native/cuda_case.h"
#include "test/native/error_code.h"

namespace deepzero::test {
namespace {

/// Small images: many queries in little time, which is what scheduling is about.
NetworkSpec small_network() {
  NetworkSpec spec = bench::network_spec("cnn-2x4");
  spec.input = {3, 8, 8};
  return spec;
}

TEST_CASE("cuda: streams, logical devices, memory and order of coordinates give the same bits") {
  NetworkSpec spec = small_network();
  // So that there are dense convolutions on tensor cores.
  for (OpSpec& op : spec.ops)
    if (op.op == "conv2d") op.attributes["out"] = 9.0;
  const Case c(spec, 4);
  std::vector<std::uint32_t> coordinates;
  for (std::uint32_t i = 0; i < c.network->parameter_count(); i += 29) coordinates.push_back(i);
  std::vector<std::vector<float>> of_precision;
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::f16}) {
    CAPTURE(precision_name(precision));
    const auto values = [&](cuda::Options options) {
      options.precision = precision;
      return c.cuda(options)->differences(c.batch.batch(), coordinates, {}, {}).values;
    };
    const std::vector<float> expected = values({.streams = 1});
    for (const std::vector<float>& other : of_precision) CHECK(!same_bits(other, expected));
    of_precision.push_back(expected);
    CHECK(same_bits(values({.streams = 3}), expected));
    CHECK(same_bits(values({.devices = {0, 0, 0}, .streams = 2}), expected));
    CHECK(same_bits(values({.streams = 2, .memory = 1 << 20}), expected));

    std::vector<std::uint32_t> reversed(coordinates.rbegin(), coordinates.rend());
    std::vector<float> turned = c.cuda({.precision = precision})->differences(c.batch.batch(), reversed, {}, {}).values;
    std::reverse(turned.begin(), turned.end());
    CHECK(same_bits(turned, expected));

    if (library_to_check() != nullptr) continue;
    simt::set_devices({.count = 2});
    CHECK(same_bits(values({.devices = {1, 0}, .streams = 1}), expected));
    simt::set_devices({});
  }
}

TEST_CASE("cuda: in half precision blocks take half of the memory for differences") {
  const Case c(small_network(), 4);
  const auto most = [&](Precision precision, std::size_t memory) {
    const auto backend = c.backend({.streams = 1, .memory = memory, .precision = precision});
    return backend->block(0, Statistics::batch, 4);
  };
  std::size_t memory = std::size_t{32} << 20;
  while (most(Precision::f32, memory) > 20) memory -= memory / 8;
  const int whole = most(Precision::f32, memory), half = most(Precision::f16, memory);
  CAPTURE(whole);
  CHECK(whole > 4);
  // Sums of batch norm and outputs stay float32.
  CHECK(half >= whole * 8 / 5);
  CHECK(half <= 2 * whole + 1);
  CHECK(most(Precision::bf16, memory) == half);
}

TEST_CASE("cuda: the others do the share of a device that fails, bit for bit, and it is said") {
  if (library_to_check() != nullptr) return;
  const Case c(small_network(), 4);
  std::vector<std::uint32_t> coordinates;
  for (std::uint32_t i = 0; i < c.network->parameter_count(); i += 20) coordinates.push_back(i);
  const Directions directions(*c.network, Distribution::sphere, 3);
  const auto values = [&](Session& session) {
    std::vector<float> all = session.differences(c.batch.batch(), coordinates, {}, {}).values;
    const auto more = session.random_differences(c.batch.batch(), directions, {.count = 3}, {}).values;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const std::vector<float> expected = values(*c.cuda({.streams = 1}));
  // In the weights' preparation, in the base pass, in queries early and late, in directions; or not at all.
  int failures = 0;
  for (int launches = 0; launches < 2000; launches = launches * 4 + 1) {
    for (const int failing : {0, 1}) {
      CAPTURE(launches);
      simt::set_devices({.count = 3, .failing = failing, .launches = launches});
      const auto session = c.cuda({.devices = {0, 1, 2}, .streams = 2});
      CHECK(same_bits(values(*session), expected));
      CHECK(same_bits(values(*session), expected));
      const std::string reason = session->backend().info().reason;
      if (reason.empty()) continue;
      ++failures;
      CHECK(reason.find("CUDA device " + std::to_string(failing) + " is not used any more") == 0);
      CHECK(reason.find("the device is gone") != std::string::npos);
      CHECK(reason.find("; CUDA device") == std::string::npos);  // no other one
    }
  }
  CHECK(failures > 6);
  simt::set_devices({.failing = 0, .launches = 5});
  const auto alone = c.cuda();
  CHECK_THROWS_AS(values(*alone), Error);
  simt::set_devices({});
}

TEST_CASE("cuda: a batch that does not fit is refused with the numbers, of coordinates and of directions") {
  const Case c(bench::network_spec("cnn-2x4"), 4);
  const Directions directions(*c.network, Distribution::sphere, 1);
  const auto refusal = [&](std::size_t memory, bool directed) -> std::string {
    try {
      const auto session = c.cuda({.memory = memory});
      if (directed)
        session->random_differences(c.batch.batch(), directions, {.count = 2}, {});
      else
        session->differences(c.batch.batch(), c.coordinates, {}, {});
    } catch (const Error& error) {
      CHECK(error.code() == "ERR_OUT_OF_MEMORY");
      return error.what();
    }
    return "";
  };
  const auto has = [](const std::string& text, const char* part) { return text.find(part) != std::string::npos; };
  for (const bool directed : {false, true}) {
    const std::string refused = refusal(10000, directed);
    CAPTURE(refused);
    CHECK(has(refused, "a batch of 4 takes"));
    CHECK(has(refused, "smaller batch"));
    CHECK(has(refused, "queries at once") != directed);  // of directions, before the base pass
  }
  // Where base features fit, so must a direction in each stream.
  std::size_t memory = 10000;
  std::string refused;
  for (std::string text; (text = refusal(memory, true)) != ""; memory += memory / 8) refused = text;
  CAPTURE(refused);
  CHECK(has(refused, "queries at once"));
}

TEST_CASE("cuda: memory that runs out shrinks the block") {
  if (library_to_check() != nullptr) return;
  const Case c(bench::network_spec("cnn-2x4"), 4);
  const std::vector<float> expected = c.cuda()->differences(c.batch.batch(), c.coordinates, {}, {}).values;
  // The backend plans with more than the device then has.
  int refused = 0, done = 0;
  for (std::size_t memory = std::size_t{64} << 10; done == 0 || memory < (std::size_t{4} << 20); memory *= 2) {
    simt::set_devices({.memory = memory});
    try {
      const auto session = c.cuda({.streams = 1, .memory = std::size_t{1} << 30});
      const std::vector<float> got = session->differences(c.batch.batch(), c.coordinates, {}, {}).values;
      CHECK(same_bits(got, expected));
      ++done;
    } catch (const Error& error) {
      CHECK(error.code() == "ERR_OUT_OF_MEMORY");
      ++refused;
    }
  }
  simt::set_devices({});
  CHECK(refused > 0);
  CHECK(done > 0);
}

TEST_CASE("cuda: a larger batch gets the memory that lanes hold from a smaller one") {
  if (library_to_check() != nullptr) return;
  const Case c(small_network(), 8);
  const Batch whole = c.batch.batch();
  Batch half = whole;
  half.count = 4;
  // Two channels of the first convolution: two lanes with as many queries as they can take.
  std::vector<std::uint32_t> coordinates(54);
  std::iota(coordinates.begin(), coordinates.end(), 0u);
  const auto values = [&](Session& session, const Batch& batch) {
    return session.differences(batch, coordinates, {}, {}).values;
  };
  int fitting = 0;
  for (std::size_t memory = std::size_t{32} << 10; memory < (std::size_t{1} << 18); memory += memory / 8) {
    CAPTURE(memory);
    simt::set_devices({.memory = memory});
    std::vector<float> alone;
    try {
      alone = values(*c.cuda({.memory = memory}), whole);
    } catch (const Error& error) {
      CHECK(error.code() == "ERR_OUT_OF_MEMORY");
      continue;
    }
    ++fitting;
    const auto session = c.cuda({.memory = memory});
    values(*session, half);
    CHECK(same_bits(values(*session, whole), alone));
    values(*session, half);
    CHECK_NOTHROW(session->forward(whole, {}, {}));
    CHECK(same_bits(values(*session, whole), alone));
  }
  simt::set_devices({});
  CHECK(fitting > 3);
}

TEST_CASE("cuda: an evaluation that does not fit is refused with the numbers") {
  const Case c(bench::network_spec("cnn-2x4"), 4);
  const auto session = c.cuda({.memory = 10000});
  CHECK(error_code([&] { session->forward(c.batch.batch(), {}, {}); }) == "ERR_OUT_OF_MEMORY");
}

}  // namespace
}  // namespace deepzero::test
