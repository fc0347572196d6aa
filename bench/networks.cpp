#include "bench/networks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <regex>

#include "engine/error.h"
#include "engine/random/philox.h"

namespace deepzero::bench {
namespace {

/// Appends ops one after the other; each call returns the name of the new op.
struct Builder {
  NetworkSpec spec;

  std::string op(const std::string& kind, const std::string& name, std::vector<std::string> inputs,
                 std::map<std::string, Attribute> attributes = {}) {
    spec.ops.push_back({kind, name, std::move(inputs), std::move(attributes)});
    return name;
  }
  std::string conv(const std::string& name, const std::string& x, int out, int stride, bool bias) {
    const double s = stride;
    return op("conv2d", name, {x},
              {{"out", static_cast<double>(out)},
               {"kernel", std::vector<double>{3, 3}},
               {"stride", std::vector<double>{s, s}},
               {"padding", std::vector<double>{1, 1}},
               {"bias", bias}});
  }
  std::string batch_norm(const std::string& name, const std::string& x) {
    return op("batchNorm2d", name, {x}, {{"eps", 1e-5}, {"momentum", 0.1}});
  }
  std::string relu(const std::string& name, const std::string& x) { return op("relu", name, {x}); }
  void head(const std::string& x, int classes) {
    op("linear", "fc", {op("globalAvgPool", "pool", {x})}, {{"out", static_cast<double>(classes)}, {"bias", true}});
  }
};

constexpr int kClasses = 10;

NetworkSpec resnet(const std::string& name, int blocks, const std::array<int, 3>& widths) {
  Builder b;
  b.spec = {name, {3, 32, 32}, {}, "crossEntropy"};
  std::string x = b.relu("relu1", b.batch_norm("bn1", b.conv("conv1", "input", widths[0], 1, false)));
  int width = widths[0];
  for (std::size_t stage = 0; stage < widths.size(); ++stage) {
    for (int block = 0; block < blocks; ++block) {
      const std::string at = "layer" + std::to_string(stage + 1) + "." + std::to_string(block) + ".";
      const int stride = stage > 0 && block == 0 ? 2 : 1;
      std::string y = b.conv(at + "conv1", x, widths[stage], stride, false);
      y = b.relu(at + "relu1", b.batch_norm(at + "bn1", y));
      y = b.batch_norm(at + "bn2", b.conv(at + "conv2", y, widths[stage], 1, false));
      if (stride != 1 || width != widths[stage]) {
        x = b.op("shortcutA", at + "shortcut", {x},
                 {{"out", static_cast<double>(widths[stage])}, {"stride", static_cast<double>(stride)}});
      }
      x = b.relu(at + "relu2", b.op("add", at + "add", {y, x}));
      width = widths[stage];
    }
  }
  b.head(x, kClasses);
  return b.spec;
}

NetworkSpec cnn(const std::string& name, int depth, int channels) {
  Builder b;
  b.spec = {name, {3, 32, 32}, {}, "crossEntropy"};
  std::string x = "input";
  for (int layer = 0; layer < depth; ++layer) {
    const auto at = [&](int i) { return "conv_layers." + std::to_string(4 * layer + i); };
    x = b.relu(at(2), b.batch_norm(at(1), b.conv(at(0), x, channels, 1, true)));
    x = b.op("maxPool2d", at(3), {x},
             {{"kernel", std::vector<double>{2, 2}},
              {"stride", std::vector<double>{2, 2}},
              {"padding", std::vector<double>{0, 0}}});
  }
  b.head(x, kClasses);
  return b.spec;
}

}  // namespace

NetworkSpec network_spec(const std::string& name) {
  std::smatch match;
  if (name == "resnet8") return resnet(name, 1, {8, 16, 32});
  if (std::regex_match(name, match, std::regex("resnet(20|32|44|56|110)"))) {
    return resnet(name, (std::stoi(match[1]) - 2) / 6, {16, 32, 64});
  }
  if (std::regex_match(name, match, std::regex("cnn-([1-5])x([1-9][0-9]{0,3})"))) {
    return cnn(name, std::stoi(match[1]), std::stoi(match[2]));
  }
  throw Error("ERR_INVALID_ARGUMENT",
              "network: expected resnet8, resnet20, 32, 44, 56, 110 or cnn-DEPTHxCHANNELS "
              "(depth 1 to 5), received " +
                  name + "; other networks come with --model FILE");
}

Model initial_model(const NetworkSpec& spec, std::uint64_t seed) {
  const Network network(spec);
  Model model{spec, std::vector<float>(network.parameter_count()), std::vector<float>(network.buffer_count())};
  for (std::size_t index = 0; index < network.parameters().size(); ++index) {
    const ParameterInfo& p = network.parameters()[index];
    const std::span<float> values = std::span(model.parameters).subspan(p.offset, p.size);
    if (p.role != 0) continue;  // biases stay 0
    if (network.op(p.op).kind() == "batchNorm2d") {
      std::fill(values.begin(), values.end(), 1.0f);
      continue;
    }
    random_normal({seed, static_cast<std::uint32_t>(Purpose::initialisation), static_cast<std::uint32_t>(index)}, 0,
                  values);
    const float deviation = std::sqrt(2.0f / static_cast<float>(p.inner()));
    for (float& value : values) value *= deviation;
  }
  for (const BufferInfo& buffer : network.buffers()) {
    std::fill_n(model.buffers.begin() + static_cast<std::ptrdiff_t>(buffer.offset), buffer.size,
                static_cast<float>(buffer.initial));
  }
  return model;
}

}  // namespace deepzero::bench
