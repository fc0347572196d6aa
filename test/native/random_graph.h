// Random networks of 3 to 12 ops: convolutions of several kernels, strides and paddings, with and without bias, batch
// norm, activations, pooling, upsampling, residual sums, concatenations and option-A shortcuts, then as a rule a linear
// layer; with either loss. For comparisons with two passes.
#pragma once

#include <algorithm>
#include <cmath>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/backend.h"
#include "engine/network.h"
#include "test/native/random_input.h"

namespace deepzero::test {

inline int pick(int first, int last) { return std::uniform_int_distribution<int>(first, last)(generator()); }

inline OpSpec conv_spec(const std::string& name, const std::string& input, int out, int kernel, int stride, int padding,
                        bool bias) {
  const auto two = [](int n) { return std::vector<double>{double(n), double(n)}; };
  return {"conv2d",
          name,
          {input},
          {{"out", double(out)},
           {"kernel", two(kernel)},
           {"stride", two(stride)},
           {"padding", two(padding)},
           {"bias", bias}}};
}
inline OpSpec batch_norm_spec(const std::string& name, const std::string& input) {
  return {"batchNorm2d", name, {input}, {{"eps", 1e-5}, {"momentum", 0.1}}};
}
inline OpSpec linear_spec(const std::string& name, const std::string& input, int out, bool bias) {
  return {"linear", name, {input}, {{"out", double(out)}, {"bias", bias}}};
}

/// A network that ends in a linear layer of five outputs; with the mean squared error also in whatever comes last.
inline NetworkSpec random_graph() {
  NetworkSpec spec{.name = "random", .input = {pick(1, 4), pick(5, 10), pick(5, 10)}, .loss = "crossEntropy"};
  if (pick(0, 2) == 0) spec.loss = "meanSquaredError";
  struct Value {
    std::string name;
    Shape shape;
  };
  std::vector<Value> values{{"input", spec.input}};
  const int ops = pick(2, 10);
  for (int i = 0; i < ops; ++i) {
    const Value x = values.back();
    const std::string name = "op" + std::to_string(i);
    // The first op is a convolution, in one case of four a batch norm on the network's input.
    const int kind = i > 0 ? pick(0, 13) : pick(0, 3) == 0 ? 2 : 0;
    Shape shape = x.shape;
    if (kind <= 1) {
      const int kernel = std::min({2 * pick(0, 2) + 1, x.shape.h, x.shape.w});
      const int padding = pick(0, kernel - 1), stride = pick(1, 2);
      shape = {pick(1, 9), (x.shape.h + 2 * padding - kernel) / stride + 1,
               (x.shape.w + 2 * padding - kernel) / stride + 1};
      spec.ops.push_back(conv_spec(name, x.name, shape.c, kernel, stride, padding, pick(0, 1) == 1));
    } else if (kind <= 3) {
      spec.ops.push_back(batch_norm_spec(name, x.name));
    } else if (kind == 4) {
      spec.ops.push_back({"relu", name, {x.name}, {}});
    } else if (kind == 5 && std::min(x.shape.h, x.shape.w) >= 2) {
      const int kernel = pick(2, std::min({3, x.shape.h, x.shape.w})), stride = pick(1, 2), padding = pick(0, 1);
      const auto two = [](int n) { return std::vector<double>{double(n), double(n)}; };
      shape = {x.shape.c, (x.shape.h + 2 * padding - kernel) / stride + 1,
               (x.shape.w + 2 * padding - kernel) / stride + 1};
      spec.ops.push_back(
          {"maxPool2d", name, {x.name}, {{"kernel", two(kernel)}, {"stride", two(stride)}, {"padding", two(padding)}}});
    } else if (kind == 6) {
      const int stride = pick(1, 2);
      shape = {x.shape.c + 2 * pick(0, 2), (x.shape.h + stride - 1) / stride, (x.shape.w + stride - 1) / stride};
      spec.ops.push_back({"shortcutA", name, {x.name}, {{"out", double(shape.c)}, {"stride", double(stride)}}});
    } else if (kind == 7) {
      spec.ops.push_back({"leakyRelu", name, {x.name}, {{"slope", 0.1 * pick(0, 10)}}});
    } else if (kind == 8) {
      spec.ops.push_back({"tanh", name, {x.name}, {}});
    } else if (kind == 9) {
      spec.ops.push_back({"sigmoid", name, {x.name}, {}});
    } else if (kind == 10 && std::min(x.shape.h, x.shape.w) >= 2) {
      const int kernel = pick(2, std::min({3, x.shape.h, x.shape.w})), stride = pick(1, 2), padding = pick(0, 1);
      const auto two = [](int n) { return std::vector<double>{double(n), double(n)}; };
      shape = {x.shape.c, (x.shape.h + 2 * padding - kernel) / stride + 1,
               (x.shape.w + 2 * padding - kernel) / stride + 1};
      spec.ops.push_back(
          {"avgPool2d", name, {x.name}, {{"kernel", two(kernel)}, {"stride", two(stride)}, {"padding", two(padding)}}});
    } else if (kind == 11 && std::max(x.shape.h, x.shape.w) <= 6) {
      const int scale = pick(1, 2);
      shape = {x.shape.c, x.shape.h * scale, x.shape.w * scale};
      spec.ops.push_back({"upsample2d", name, {x.name}, {{"scale", double(scale)}}});
    } else {
      // Any earlier value that fits, the same value among them.
      const bool concat = kind >= 12 && x.shape.c <= 12;
      std::vector<Value> partners;
      for (const Value& value : values)
        if (concat ? value.shape.h == x.shape.h && value.shape.w == x.shape.w : value.shape == x.shape)
          partners.push_back(value);
      const Value& partner = partners[static_cast<std::size_t>(pick(0, static_cast<int>(partners.size()) - 1))];
      if (concat) shape.c += partner.shape.c;
      const bool turned = pick(0, 1) == 1;
      spec.ops.push_back(
          {concat ? "concat" : "add", name, {turned ? partner.name : x.name, turned ? x.name : partner.name}, {}});
    }
    values.push_back({name, shape});
  }
  std::string last = values.back().name;
  if (spec.loss == "meanSquaredError" && pick(0, 1) == 1) return spec;
  if (pick(0, 1) == 1) {
    spec.ops.push_back({"globalAvgPool", "pool", {last}, {}});
    last = "pool";
  }
  spec.ops.push_back(linear_spec("fc", last, 5, pick(0, 1) == 1));
  return spec;
}

/// Weights that keep activations of order one, batch-norm weights around 1, running statistics around 0 and 1.
inline std::vector<float> random_parameters(const Network& network) {
  std::vector<float> values = random_values(network.parameter_count());
  for (const ParameterInfo& parameter : network.parameters())
    for (std::size_t i = parameter.offset; i < parameter.offset + parameter.size; ++i) {
      if (parameter.shape.size() > 1)
        values[i] *= static_cast<float>(std::sqrt(3.0 / static_cast<double>(parameter.inner())));
      else
        values[i] = (parameter.role == 0 ? 1.0f : 0.0f) + 0.5f * values[i];
    }
  return values;
}
inline std::vector<float> random_buffers(const Network& network) {
  std::vector<float> values = random_values(network.buffer_count());
  for (const BufferInfo& buffer : network.buffers())
    for (std::size_t i = buffer.offset; i < buffer.offset + buffer.size; ++i)
      values[i] = static_cast<float>(buffer.initial) + 0.3f * values[i];
  return values;
}

/// A third of the parameters and the last tensor, in disorder: an active set of directions. Along parameters in front
/// of a batch norm alone a derivative can vanish but for its eps, and the float32 differences that cancel in it leave
/// few digits.
inline std::vector<std::uint32_t> some_active(const Network& network) {
  std::vector<std::uint32_t> active;
  for (std::uint32_t i = 0; i < network.parameter_count(); ++i)
    if (pick(0, 2) == 0 || i >= network.parameters().back().offset) active.push_back(i);
  std::shuffle(active.begin(), active.end(), generator());
  return active;
}

/// A label smoothing that the network's loss takes.
inline double random_smoothing(const NetworkSpec& spec) { return spec.loss == "crossEntropy" ? 0.1 * pick(0, 9) : 0; }

/// A batch and its storage: labels, or targets where the loss asks for them.
struct RandomBatch {
  explicit RandomBatch(const Network& network, int count)
      : input(random_values(static_cast<std::size_t>(count) * static_cast<std::size_t>(network.input().size()))),
        loss(network.loss()) {
    for (int n = 0; n < count; ++n) labels.push_back(pick(0, network.outputs() - 1));
    if (loss == Loss::mean_squared_error)
      targets = random_values(static_cast<std::size_t>(count) * static_cast<std::size_t>(network.outputs()));
  }
  Batch batch() const {
    const int count = static_cast<int>(labels.size());
    if (loss == Loss::mean_squared_error) return {input.data(), nullptr, count, targets.data()};
    return {input.data(), labels.data(), count};
  }
  std::vector<float> input;
  Loss loss;
  std::vector<std::int32_t> labels;
  std::vector<float> targets;
};

}  // namespace deepzero::test
