// Networks that the native tools know by name, and by file: the same descriptions and the same initial weights as in
// TypeScript, which test/bench-networks.test.ts holds against the same file of hashes.
#include <doctest/doctest.h>
#include <unistd.h>

#include <bit>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>

#include <nlohmann/json.hpp>

#include "bench/networks.h"
#include "engine/error.h"
#include "test/native/error_code.h"

namespace deepzero::test {
namespace {

/// FNV-1a, 32 bits, of the floats' bytes, the lowest first.
std::uint32_t hash_of(std::span<const float> values) {
  std::uint32_t hash = 0x811c9dc5;
  for (const float value : values) {
    const auto word = std::bit_cast<std::uint32_t>(value);
    for (int byte = 0; byte < 4; ++byte) hash = (hash ^ (word >> (8 * byte) & 0xff)) * 0x01000193;
  }
  return hash;
}

/// A path that is removed at the end.
struct Path {
  explicit Path(const std::string& ending)
      : text((std::filesystem::temp_directory_path() / ("deepzero-named-" + std::to_string(::getpid()) + ending))
                 .string()) {}
  ~Path() { std::filesystem::remove(text); }
  const std::string text;
};

TEST_CASE("networks: initial weights have the bits of those in TypeScript") {
  std::ifstream file(std::string(DEEPZERO_SOURCE) + "/test/fixtures/initial-weights.json");
  const nlohmann::json cases = nlohmann::json::parse(file);
  REQUIRE(!cases.empty());
  for (const auto& one : cases) {
    const auto name = one["network"].get<std::string>();
    CAPTURE(name);
    CHECK(hash_of(bench::named_model(name, one["seed"].get<std::uint64_t>()).parameters) == one["hash"]);
  }
}

TEST_CASE("networks: every name has a description of that name, and others are refused with the list") {
  const std::vector<std::string> names = bench::network_names();
  REQUIRE(names.size() > 1);
  for (const std::string& name : names) {
    const NetworkSpec spec = bench::network_spec(name);
    CHECK(spec.name == name);
    CHECK(Network(spec).outputs() == 10);
  }
  try {
    bench::named_model("resnet21", 1);
    FAIL("was not refused");
  } catch (const Error& error) {
    CHECK(error.code() == "ERR_INVALID_ARGUMENT");
    for (const std::string& name : names) CHECK(std::string(error.what()).find(name) != std::string::npos);
  }
}

TEST_CASE("networks: a file of a description or of a model stands for a name") {
  const Model model = bench::named_model("cnn-1x4", 3);
  const Path description(".json"), weights(".safetensors"), damaged("-damaged.json");
  std::ofstream(description.text) << network_json(model.spec);
  std::ofstream(damaged.text) << "{";
  write_model(weights.text, model);
  CHECK(network_json(bench::named_model(description.text, 3).spec) == network_json(model.spec));
  CHECK(bench::named_model(description.text, 3).parameters == model.parameters);
  CHECK(bench::named_model(description.text, 4).parameters != model.parameters);
  CHECK(bench::named_model(weights.text, 4).parameters == model.parameters);
  CHECK(error_code([&] { bench::named_model(damaged.text, 1); }) == "ERR_NETWORK");
  CHECK(error_code([] { bench::named_model("/none/at/all.json", 1); }) == "ERR_FILE");
  CHECK(error_code([] { bench::named_model("/none/at/all", 1); }) == "ERR_INVALID_ARGUMENT");
}

}  // namespace
}  // namespace deepzero::test
