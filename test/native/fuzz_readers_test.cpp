// Damaged model files and networks: cut, with bits flipped, numbers put in and parts repeated, from the seed of the
// checks. Each is read or refused with an Error. `test/native/fuzz/` has the same readers for libFuzzer, which searches
// by coverage.
#include <doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "test/native/fuzz/readers.h"
#include "test/native/random_input.h"

namespace {

using deepzero::fuzz::read_bytes;
using deepzero::fuzz::read_network;

constexpr int kRuns = 3000;

constexpr const char* kNetwork = R"({"format": "deepzero-network/1", "name": "tiny", "input": [2, 4, 4], "ops": [
  {"op": "conv2d", "name": "conv", "inputs": ["input"], "out": 3, "kernel": [3, 3], "stride": [1, 1],
   "padding": [1, 1], "bias": true},
  {"op": "relu", "name": "relu", "inputs": ["conv"]},
  {"op": "maxPool2d", "name": "pool", "inputs": ["relu"], "kernel": [2, 2], "stride": [2, 2], "padding": [0, 0]},
  {"op": "linear", "name": "fc", "inputs": ["pool"], "out": 5, "bias": true}], "loss": "crossEntropy"})";

/// The bytes of a model file for kNetwork.
std::string model_bytes() {
  std::string network;
  for (const char* c = kNetwork; *c != 0; ++c) {
    if (*c == '"') network += '\\';
    network += *c == '\n' ? ' ' : *c;
  }
  const std::string header = R"({"__metadata__":{"network":")" + network +
                             R"("},)"
                             R"("conv.weight":{"dtype":"F32","shape":[3,2,3,3],"data_offsets":[0,216]},)"
                             R"("conv.bias":{"dtype":"F32","shape":[3],"data_offsets":[216,228]},)"
                             R"("fc.weight":{"dtype":"F32","shape":[5,12],"data_offsets":[228,468]},)"
                             R"("fc.bias":{"dtype":"F32","shape":[5],"data_offsets":[468,488]}})";
  const std::uint64_t length = header.size();
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes + header + std::string(488, '\1');
}

/// One to three changes of a text. Numbers in it are as likely to become huge as a byte is to be flipped.
std::string damaged(std::string text, std::mt19937_64& random) {
  const auto below = [&](std::size_t n) { return static_cast<std::size_t>(random() % std::max<std::size_t>(n, 1)); };
  static const char* const claims[] = {"0",     "-1",  "1e9", "999999999", "4294967296", "18446744073709551615",
                                       "1e300", "null"};
  for (std::size_t changes = 1 + below(3); changes > 0 && !text.empty(); --changes) {
    const std::size_t at = below(text.size());
    switch (below(6)) {
      case 0:
        text.resize(at);
        break;
      case 1:
        text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 2:
        text.insert(at, text.substr(at, below(60)));
        break;
      case 3:
        text.erase(at, 1 + below(20));
        break;
      case 4:  // the length in front
        for (std::size_t i = 0; i < std::min<std::size_t>(8, text.size()); ++i) text[i] = static_cast<char>(random());
        break;
      default:
        if (const std::size_t digit = text.find_first_of("0123456789", at); digit != std::string::npos)
          text.replace(digit, 1, claims[below(std::size(claims))]);
    }
  }
  return text;
}

bool read_text(const std::string& text) { return read_bytes(std::as_bytes(std::span(text))); }

}  // namespace

TEST_CASE("damaged model files are read or refused") {
  const std::string good = model_bytes();
  REQUIRE(read_text(good));
  std::mt19937_64 random(deepzero::test::test_seed());
  int refused = 0;
  for (int run = 0; run < kRuns; ++run) {
    const std::string text = damaged(good, random);
    CHECK_NOTHROW(refused += read_text(text) ? 0 : 1);
  }
  MESSAGE(refused << " of " << kRuns << " damaged model files were refused");
  CHECK(refused > kRuns / 2);
  CHECK(refused < kRuns);
}

TEST_CASE("damaged networks are built or refused") {
  REQUIRE(read_network(kNetwork));
  std::mt19937_64 random(deepzero::test::test_seed());
  int refused = 0;
  for (int run = 0; run < kRuns; ++run) {
    const std::string text = damaged(kNetwork, random);
    CHECK_NOTHROW(refused += read_network(text) ? 0 : 1);
  }
  MESSAGE(refused << " of " << kRuns << " damaged networks were refused");
  CHECK(refused > kRuns / 2);
  CHECK(refused < kRuns);
}

TEST_CASE("networks too large to be counted are refused before memory is taken") {
  const std::string huge = R"({"format": "deepzero-network/1", "name": "huge", "input": [1, 4096, 4096], "ops": [
    {"op": "conv2d", "name": "conv", "inputs": ["input"], "out": 999999999, "kernel": [1, 1], "stride": [1, 1],
     "padding": [0, 0], "bias": false}], "loss": "crossEntropy"})";
  CHECK_THROWS_WITH_AS(deepzero::Network(deepzero::parse_network(huge)),
                       doctest::Contains("at most 2^31 - 1 numbers an image"), deepzero::Error);
  const std::string wide = R"({"format": "deepzero-network/1", "name": "wide", "input": [65536, 1, 1], "ops": [
    {"op": "linear", "name": "fc", "inputs": ["input"], "out": 999999999, "bias": false}], "loss": "crossEntropy"})";
  CHECK_THROWS_WITH_AS(deepzero::Network(deepzero::parse_network(wide)),
                       doctest::Contains("at most 2^32 - 1 parameters"), deepzero::Error);
}
