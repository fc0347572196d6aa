// Model files: what is written is read back, and a file that is truncated or lies about itself is refused.
#include "bench/model_file.h"

#include <doctest.h>

#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <span>

#include "engine/error.h"

namespace {

using deepzero::DType;
using deepzero::Error;
using deepzero::Model;
using deepzero::SafetensorsFile;

constexpr const char* kNetwork = R"({"format": "deepzero-network/1", "name": "tiny", "input": [2, 4, 4], "ops": [
  {"op": "conv2d", "name": "conv", "inputs": ["input"], "out": 3, "kernel": [3, 3], "stride": [1, 1],
   "padding": [1, 1], "bias": true},
  {"op": "batchNorm2d", "name": "bn", "inputs": ["conv"], "eps": 1e-5, "momentum": 0.1},
  {"op": "relu", "name": "relu", "inputs": ["bn"]},
  {"op": "globalAvgPool", "name": "pool", "inputs": ["relu"]},
  {"op": "linear", "name": "fc", "inputs": ["pool"], "out": 5, "bias": true}], "loss": "crossEntropy"})";

/// A file of a test's own, removed at its end.
struct TemporaryFile {
  std::string path =
      (std::filesystem::temp_directory_path() / ("deepzero-model-file-" + std::to_string(::getpid()) + ".safetensors"))
          .string();
  ~TemporaryFile() { std::filesystem::remove(path); }
};

Model tiny_model() {
  Model model{deepzero::parse_network(kNetwork), {}, {}};
  const deepzero::Network network(model.spec);
  for (std::size_t i = 0; i < network.parameter_count(); ++i)
    model.parameters.push_back(0.25f * static_cast<float>(i) - 3);
  for (std::size_t i = 0; i < network.buffer_count(); ++i) model.buffers.push_back(1 + static_cast<float>(i));
  return model;
}

std::vector<std::byte> file_bytes(const std::string& header, std::size_t data, std::uint64_t length) {
  std::vector<std::byte> bytes(8 + header.size() + data);
  std::memcpy(bytes.data(), &length, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  return bytes;
}

/// The message of the Error that `work` throws; empty when it throws none.
std::string message_of(const std::function<void()>& work, const std::string& code) {
  try {
    work();
  } catch (const Error& error) {
    CHECK(error.code() == code);
    return error.what();
  }
  return "";
}

std::string refusal(const std::string& header, std::size_t data) {
  return message_of([&] { SafetensorsFile::parse(file_bytes(header, data, header.size()), "FILE"); },
                    "ERR_INVALID_ARGUMENT");
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a model is read back as it was written") {
  const TemporaryFile file;
  const Model model = tiny_model();
  deepzero::write_model(file.path, model);
  const Model back = deepzero::read_model(file.path);
  CHECK(back.parameters == model.parameters);
  CHECK(back.buffers == model.buffers);
  CHECK(deepzero::network_json(back.spec) == deepzero::network_json(model.spec));
  REQUIRE(back.spec.ops.size() == 5);
  CHECK(std::get<std::vector<double>>(back.spec.ops[0].attributes.at("kernel")) == std::vector<double>{3, 3});
  CHECK(std::get<bool>(back.spec.ops[0].attributes.at("bias")));
  CHECK(std::get<double>(back.spec.ops[1].attributes.at("eps")) == 1e-5);

  // The tensors carry PyTorch's names and the header is padded to 8 bytes.
  const SafetensorsFile raw = SafetensorsFile::read(file.path);
  CHECK(raw.tensor("conv.weight").shape == std::vector<std::int64_t>{3, 2, 3, 3});
  CHECK(raw.tensor("bn.running_var").shape == std::vector<std::int64_t>{3});
  CHECK(raw.values<float>("conv.weight").front() == -3.0f);
}

TEST_CASE("all four element types are read, and only as what they are") {
  const TemporaryFile file;
  const double doubles[] = {1.5, -2.5};
  const std::int32_t ints[] = {7, -8, 9};
  const std::int64_t longs[] = {1LL << 40};
  const deepzero::TensorOut tensors[] = {{"d", DType::f64, {2}, std::as_bytes(std::span(doubles))},
                                         {"i", DType::i32, {3, 1}, std::as_bytes(std::span(ints))},
                                         {"l", DType::i64, {}, std::as_bytes(std::span(longs))},
                                         {"none", DType::f32, {0, 4}, {}}};
  deepzero::write_safetensors(file.path, tensors, {{"key", "value \"quoted\""}});
  const SafetensorsFile back = SafetensorsFile::read(file.path);
  CHECK(back.values<double>("d") == std::vector<double>{1.5, -2.5});
  CHECK(back.values<std::int32_t>("i") == std::vector<std::int32_t>{7, -8, 9});
  CHECK(back.values<std::int64_t>("l") == std::vector<std::int64_t>{1LL << 40});
  CHECK(back.values<float>("none").empty());
  CHECK(back.metadata().at("key") == "value \"quoted\"");
  CHECK(contains(message_of([&] { back.values<float>("d"); }, "ERR_INVALID_ARGUMENT"), "expected the type F32"));
  CHECK(contains(message_of([&] { back.values<float>("x"); }, "ERR_INVALID_ARGUMENT"), "expected a tensor x"));
}

TEST_CASE("a file cut at any byte is refused") {
  const TemporaryFile file;
  deepzero::write_model(file.path, tiny_model());
  std::ifstream in(file.path, std::ios::binary);
  const std::string whole((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  REQUIRE(whole.size() > 1000);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const auto all = std::as_bytes(std::span(whole));
    CHECK_THROWS_AS(SafetensorsFile::parse({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(size)}, "FILE"),
                    Error);
  }
}

TEST_CASE("a header that lies is refused") {
  CHECK(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 8).empty());
  CHECK(contains(refusal(R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})", 8), "its shape needs"));
  CHECK(contains(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 9), "expected 8 bytes of data"));
  CHECK(contains(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 8), "outside the file"));
  CHECK(contains(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8), "outside the file"));
  CHECK(contains(refusal(R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}})", 8), "a whole number"));
  CHECK(contains(refusal(R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,8]}})", 8), "a whole number"));
  CHECK(contains(refusal(R"({"a":{"dtype":"F8","shape":[2],"data_offsets":[0,8]}})", 8), "expected the type"));
  CHECK(contains(refusal(R"({"a":{"dtype":"F32","shape":[2]}})", 8), "data_offsets"));
  CHECK(contains(refusal(R"({"a":{"dtype":"F32","shape":"2","data_offsets":[0,8]}})", 8), "to be lists"));
  CHECK(contains(refusal(R"({"a":[1,2]})", 8), "expected an object"));
  CHECK(contains(refusal(R"({"__metadata__":{"k":1}})", 0), "expected a string"));
  CHECK(contains(refusal("[1]", 0), "not a JSON object"));
  CHECK(contains(refusal("{", 0), "not a JSON object"));
  // A product of extents that overflows 64 bits to the right number of bytes.
  CHECK(contains(refusal(R"({"a":{"dtype":"F32","shape":[4294967296,4294967296,2],"data_offsets":[0,8]}})", 8),
                 "holds more than the file"));
  // Two tensors on the same bytes.
  CHECK(contains(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
                             "b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
                         8),
                 "overlap"));
  const std::string header = "{}";
  for (const std::uint64_t length : {std::uint64_t{3}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    CHECK_THROWS_AS(SafetensorsFile::parse(file_bytes(header, 0, length), "FILE"), Error);
  }
}

TEST_CASE("a network's JSON is checked") {
  const std::string network = kNetwork;
  const auto refused = [&](const std::string& from, const std::string& to) {
    std::string changed = network;
    changed.replace(changed.find(from), from.size(), to);
    return message_of([&] { deepzero::parse_network(changed); }, "ERR_NETWORK");
  };
  CHECK(contains(refused("deepzero-network/1", "deepzero-network/2"), "expected the format deepzero-network/1"));
  CHECK(contains(refused("\"input\": [2, 4, 4]", "\"input\": [2, 4]"), "expected [C, H, W]"));
  CHECK(contains(refused("\"input\": [2, 4, 4]", "\"input\": [2, 0, 4]"), "at least 1"));
  CHECK(contains(refused("\"input\": [2, 4, 4]", "\"input\": [2, 1e300, 4]"), "at least 1"));
  CHECK(contains(refused("\"name\": \"tiny\"", "\"nom\": \"tiny\""), "unknown key nom"));
  CHECK(contains(refused("\"inputs\": [\"input\"]", "\"inputs\": \"input\""), "expected a list of names"));
  CHECK(contains(refused("\"kernel\": [3, 3]", "\"kernel\": [3, \"3\"]"), "a list of numbers"));
  CHECK(contains(refused("\"eps\": 1e-5", "\"eps\": null"), "ops[1] bn, eps"));
  CHECK(contains(message_of([] { deepzero::parse_network("{"); }, "ERR_NETWORK"), "a JSON object"));
}

TEST_CASE("weights of another network are refused") {
  const TemporaryFile file;
  const Model model = tiny_model();
  deepzero::write_model(file.path, model);
  const SafetensorsFile raw = SafetensorsFile::read(file.path);
  const auto refused = [&](const std::function<void(deepzero::NetworkSpec&)>& change) {
    deepzero::NetworkSpec spec = model.spec;
    change(spec);
    return message_of([&] { deepzero::model_of(raw, spec); }, "ERR_INVALID_ARGUMENT");
  };
  CHECK(refused([](auto&) {}).empty());
  CHECK(contains(refused([](auto& spec) { spec.ops[4].attributes["out"] = 6.0; }),
                 "fc.weight: expected the shape [6,3]"));
  CHECK(contains(refused([](auto& spec) { spec.ops[4].name = "head"; }), "expected a tensor head.weight"));
  CHECK(contains(refused([](auto& spec) { spec.ops[4].attributes["bias"] = false; }), "has no tensor fc.bias"));
  Model wrong = model;
  wrong.parameters.pop_back();
  CHECK(contains(message_of([&] { deepzero::write_model(file.path, wrong); }, "ERR_INVALID_ARGUMENT"), "parameters"));
  CHECK(contains(
      message_of([&] { deepzero::write_model("/nonexistent/model.safetensors", model); }, "ERR_INVALID_ARGUMENT"),
      "cannot be written"));
}
