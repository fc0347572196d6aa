// Estimates of the CUDA backend: random graphs against two float64 passes and the scalar CPU backend, in any order of
// threads with the same bits. It runs over the SIMT runtime; with DEEPZERO_CUDA_LIBRARY naming a libdeepzero_cuda.so,
// on the devices of this machine.
#include <doctest/doctest.h>

#include <array>
#include <map>

#include "bench/networks.h"
#include "cuda/ops/conv2d_strips.h"
#include "engine/trial.h"
#include "test/native/compare.h"
#include "test/native/cuda_case.h"
#include "test/native/error_code.h"

namespace deepzero::test {
namespace {

TEST_CASE("cuda: estimates on random graphs agree with two float64 passes in every order of threads") {
  int ambiguous = 0, comparisons = 0;
  for (int graph = 0; graph < 24; ++graph) {
    const Case c(random_graph(), pick(2, 5));
    const Statistics statistics = pick(0, 1) == 1 && !c.ill_conditioned() ? Statistics::batch : Statistics::running;
    const Scheme scheme = pick(0, 1) == 1 ? Scheme::forward : Scheme::central;
    const double label_smoothing = random_smoothing(c.spec);
    for (const auto& [mu, tolerance] : {std::pair{5e-3, 1e-4}, std::pair{1e-4, 1e-3}}) {
      INFO("graph " << network_json(c.spec) << " mu " << mu);
      ++comparisons;
      const auto estimates = [&, mu = mu](Session& session, const Batch& batch, Method method) {
        return session
            .differences(batch, c.coordinates,
                         {.mu = mu,
                          .scheme = scheme,
                          .statistics = statistics,
                          .method = method,
                          .label_smoothing = label_smoothing},
                         {})
            .values;
      };
      ambiguous += agrees(c, estimates, tolerance) ? 0 : 1;
    }
  }
  CHECK(ambiguous <= 1 + comparisons / 20);  // some in a thousand are expected
}

/// Two convolutions, so that the op sees a difference in one channel and a dense one, then the op on ragged maps.
NetworkSpec around(const OpSpec& op, const std::string& loss) {
  NetworkSpec spec{.name = "around", .input = {2, 7, 5}, .loss = loss};
  spec.ops = {conv_spec("first", "input", 3, 3, 1, 1, true), conv_spec("second", "first", 3, 3, 1, 1, false), op};
  if (loss == "crossEntropy") spec.ops.push_back(linear_spec("fc", op.name, 4, true));
  return spec;
}

TEST_CASE("cuda: each elementary op and either loss, with differences in one channel and dense, as on the CPU") {
  const auto window = [](double h, double w, double stride, double padding) {
    return std::map<std::string, Attribute>{{"kernel", std::vector<double>{h, w}},
                                            {"stride", std::vector<double>{stride, stride}},
                                            {"padding", std::vector<double>{padding, padding}}};
  };
  const std::vector<OpSpec> ops = {{"relu", "op", {"second"}, {}},
                                   {"leakyRelu", "op", {"second"}, {{"slope", 0.25}}},
                                   {"tanh", "op", {"second"}, {}},
                                   {"sigmoid", "op", {"second"}, {}},
                                   {"avgPool2d", "op", {"second"}, window(3, 2, 2, 1)},
                                   {"avgPool2d", "op", {"second"}, window(2, 3, 1, 0)},
                                   {"maxPool2d", "op", {"second"}, window(3, 2, 2, 1)},
                                   {"upsample2d", "op", {"second"}, {{"scale", 3.0}}},
                                   {"concat", "op", {"second", "first"}, {}},
                                   {"concat", "op", {"first", "second"}, {}},
                                   {"concat", "op", {"input", "second"}, {}},
                                   {"concat", "op", {"second", "second"}, {}},
                                   {"add", "op", {"second", "first"}, {}}};
  for (const OpSpec& op : ops)
    for (const char* loss : {"crossEntropy", "meanSquaredError"}) {
      const Case c(around(op, loss), 3);
      INFO(network_json(c.spec));
      const auto cuda = c.cuda(), scalar = c.scalar();
      // Sums of float32 in another order.
      CHECK(compare(cuda->forward(c.batch.batch(), {}, {}).outputs, scalar->forward(c.batch.batch(), {}, {}).outputs,
                    1e-5) == "");
      const DifferencesOptions query{.mu = 1e-3, .scheme = Scheme::central};
      CHECK(relative_error(cuda->differences(c.batch.batch(), c.coordinates, query, {}).values,
                           scalar->differences(c.batch.batch(), c.coordinates, query, {}).values) <= 1e-4);
      const Directions directions(*c.network, Distribution::tensor, test_seed());
      CHECK(relative_error(
                cuda->random_differences(c.batch.batch(), directions, {.query = query, .count = 2}, {}).values,
                scalar->random_differences(c.batch.batch(), directions, {.query = query, .count = 2}, {}).values) <=
            1e-4);
    }
}

/// A random graph as a chain whose convolutions have channels enough for tensor cores, ragged on purpose.
NetworkSpec random_wide_chain() {
  NetworkSpec spec = random_graph();
  std::erase_if(spec.ops, [](const OpSpec& op) { return op.op == "shortcutA" || op.op == "add" || op.op == "concat"; });
  for (std::size_t i = 0; i < spec.ops.size(); ++i) {
    if (spec.ops[i].op == "conv2d") spec.ops[i].attributes["out"] = double(pick(8, 37));
    spec.ops[i].inputs = {i == 0 ? "input" : spec.ops[i - 1].name};
  }
  return spec;
}

TEST_CASE("cuda: estimates with differences stored in half precision agree with two float64 passes accordingly") {
  // Eleven bits of each difference and of weights on tensor cores, or eight, through a few layers. (Measured on 150
  // graphs: half of them below 1e-4 and 1e-3, the largest 2.2e-3 and 1.3e-2.)
  const std::map<Precision, double> tolerance = {{Precision::f16, 5e-3}, {Precision::bf16, 4e-2}};
  int ambiguous = 0, comparisons = 0;
  for (int graph = 0; graph < 16; ++graph) {
    const Case c(graph % 2 == 0 ? random_wide_chain() : random_graph(), pick(2, 4));
    const Statistics statistics = pick(0, 1) == 1 && !c.ill_conditioned() ? Statistics::batch : Statistics::running;
    INFO("graph " << network_json(c.spec));
    const auto estimates = [&](Session& session, const Batch& batch, Method method) {
      return session.differences(batch, c.coordinates, {.mu = 1e-4, .statistics = statistics, .method = method}, {})
          .values;
    };
    for (const auto& [precision, allowed] : tolerance) {
      ++comparisons;
      ambiguous += agrees(c, estimates, allowed, precision) ? 0 : 1;
    }
  }
  CHECK(ambiguous <= 1 + comparisons / 6);
}

TEST_CASE("cuda: a query beyond the range of float16 is done again in float32") {
  // A batch norm makes differences large or small. Then dense convolutions read them, or nothing that rounds weights.
  NetworkSpec wide{.name = "wide", .input = {3, 6, 7}, .loss = "crossEntropy"};
  wide.ops = {conv_spec("first", "input", 9, 3, 1, 1, false),
              batch_norm_spec("norm", "first"),
              conv_spec("second", "norm", 10, 3, 1, 1, false),
              conv_spec("third", "second", 8, 3, 1, 1, false),
              batch_norm_spec("last", "third"),
              {"relu", "relu", {"last"}, {}},
              linear_spec("fc", "relu", 5, true)};
  NetworkSpec pooled{.name = "pooled", .input = {3, 6, 7}, .loss = "meanSquaredError"};
  pooled.ops = {conv_spec("first", "input", 9, 3, 1, 1, false),
                batch_norm_spec("norm", "first"),
                {"relu", "relu", {"norm"}, {}},
                {"globalAvgPool", "pool", {"relu"}, {}},
                linear_spec("fc", "pool", 5, true)};
  for (const NetworkSpec& spec : {wide, pooled}) {
    CAPTURE(spec.name);
    const Case c(spec, 2);
    std::uint64_t redone = 0;
    const auto estimates = [&](float scale, Precision precision) {
      std::vector<float> parameters = c.parameters;
      const ParameterInfo &gamma = *c.network->parameter(1, 0), &beta = *c.network->parameter(1, 1);
      for (std::size_t i = 0; i < gamma.size; ++i) {
        parameters[gamma.offset + i] *= scale;
        parameters[beta.offset + i] = 0;  // so that the ReLU behind it is alive at any scale
      }
      const auto session = c.cuda({.precision = precision});
      session->set_parameters(parameters);
      std::vector<std::uint32_t> first;
      for (std::uint32_t i = 0; i < 33; ++i) first.push_back(i);  // of two channels, all elements of one
      const auto values = session->differences(c.batch.batch(), first, {.mu = 1e-6}, {}).values;
      redone = session->backend().info().redone;
      return values;
    };
    using enum Precision;
    const std::vector<float> whole = estimates(1, f32);
    CHECK(!same_bits(estimates(1, f16), whole));
    // Where batch norm and a mean take most of a difference away, its roundings stay.
    CHECK(relative_error(estimates(1, f16), whole) <= 2e-2);
    for (const float scale : {1e6f, 1e-6f}) {
      const std::vector<float> half = estimates(scale, f16);
      CHECK(redone == 33);
      const std::vector<float> single = estimates(scale, f32);
      CHECK(redone == 0);
      CHECK(same_bits(half, single));
      // bfloat16 reaches as far as float32.
      const std::vector<float> brain = estimates(scale, bf16);
      CHECK(redone == 0);
      CHECK(!same_bits(brain, single));
      CHECK(relative_error(brain, single) <= 1.6e-1);
    }
  }
}

TEST_CASE("cuda: float16 loses neither small weights nor differences that round to 0") {
  generator().seed(1);  // the same in every run, so that it is known what is in range
  // In strips and in tiles; a later layer makes up for what the third one makes small.
  for (const int width : {8, 7}) {
    CAPTURE(width);
    NetworkSpec spec{.name = "small", .input = {3, 8, width}, .loss = "meanSquaredError"};
    spec.ops = {conv_spec("first", "input", 16, 3, 1, 1, false),
                conv_spec("second", "first", 16, 3, 1, 1, false),
                conv_spec("third", "second", 16, 3, 1, 1, false),
                {"globalAvgPool", "pool", {"third"}, {}},
                linear_spec("fc", "pool", 4, true)};
    const Case c(spec, 2);
    const std::vector<std::uint32_t> some = {0, 5, 31};
    std::vector<float> drawn = random_values(c.parameters.size());
    for (float& value : drawn) value *= 0.35f;
    const auto estimates = [&](float second, float third, Precision precision) {
      std::vector<float> parameters = drawn;
      const auto scale = [&](int op, float by) {
        const ParameterInfo& weight = *c.network->parameter(op, 0);
        for (std::size_t i = 0; i < weight.size; ++i) parameters[weight.offset + i] *= by;
      };
      scale(1, second), scale(2, third), scale(4, 1 / (second * third));
      const auto session = c.cuda({.precision = precision});
      session->set_parameters(parameters);
      return session->differences(c.batch.batch(), some, {.mu = 1e-3}, {}).values;
    };
    using enum Precision;
    // Weights below the range, then differences too, which are all rounded to 0.
    for (const auto& [second, third] : {std::pair{1.0f, 1.0f}, {4e3f, 1e-6f}, {1.0f, 1e-9f}}) {
      CAPTURE(third);
      const std::vector<float> whole = estimates(second, third, f32);
      CHECK(relative_error(estimates(second, third, f16), whole) <= 3e-3);
      if (third == 1) CHECK(!same_bits(estimates(second, third, f16), whole));
      if (third == 1e-9f) CHECK(same_bits(estimates(second, third, f16), whole));
      CHECK(relative_error(estimates(second, third, bf16), whole) <= 3e-2);
    }
    // A power of two in front of the weights and behind the sums changes no bit.
    CHECK(same_bits(estimates(1, 1, bf16), estimates(0x1p20f, 0x1p-20f, bf16)));
  }
}

TEST_CASE("cuda: directions on random graphs agree with two float64 passes in every order of threads") {
  int ambiguous = 0, comparisons = 0;
  for (int graph = 0; graph < 16; ++graph) {
    const Case c(random_graph(), pick(2, 5));
    const Statistics statistics = pick(0, 1) == 1 && !c.ill_conditioned() ? Statistics::batch : Statistics::running;
    const std::vector<std::uint32_t> active = some_active(*c.network);
    const Directions directions = graph % 2 == 0 ? Directions(*c.network, Distribution::sphere, 5)
                                                 : Directions(*c.network, Distribution::tensor, 5, active);
    INFO("graph " << network_json(c.spec));
    ++comparisons;
    const auto estimates = [&](Session& session, const Batch& batch, Method method) {
      return session
          .random_differences(
              batch, directions,
              {.query = {.mu = 1e-3, .scheme = Scheme::central, .statistics = statistics, .method = method},
               .count = 3},
              {})
          .values;
    };
    ambiguous += agrees(c, estimates, 1e-3) ? 0 : 1;
  }
  CHECK(ambiguous <= 1 + comparisons / 8);
}

TEST_CASE("cuda: a residual network with batch statistics, its outputs' differences and its running statistics") {
  const Case c(bench::network_spec("resnet8"), 3);
  const auto cuda = c.cuda(), scalar = c.scalar();
  const ForwardOptions training{.statistics = Statistics::batch, .update_running = true};
  const ForwardResult got = cuda->forward(c.batch.batch(), training, {});
  const ForwardResult expected = scalar->forward(c.batch.batch(), training, {});
  // Sums of float32 in another order.
  CHECK(compare(got.outputs, expected.outputs, 1e-5) == "");
  CHECK(compare(cuda->buffers(), scalar->buffers(), 1e-5) == "");
  CHECK(std::abs(got.loss - expected.loss) <= 1e-5);
  cuda->set_buffers(c.buffers);
  scalar->set_buffers(c.buffers);
  const std::span<const std::uint32_t> some(c.coordinates.data(), 12);
  const auto outputs = [&](Session& session) {
    return session.output_differences({c.batch.input.data(), nullptr, 3}, {c.parameters, c.buffers}, some,
                                      {.mu = 1e-4, .scheme = Scheme::central}, {});
  };
  CHECK(compare(outputs(*cuda), outputs(*scalar), 1e-3) == "");
}

TEST_CASE("cuda: estimates of a residual network in half precision agree with two float64 passes accordingly") {
  NetworkSpec spec = bench::network_spec("resnet8");
  spec.input = {3, 16, 16};
  const Case c(spec, 3);
  std::vector<float> parameters = bench::initial_model(spec, test_seed()).parameters;
  const std::span<const std::uint32_t> some(c.coordinates.data(), 15);
  const auto estimates = [&](Session& session, Method method) {
    session.set_parameters(parameters);
    return session.differences(c.batch.batch(), some, {.mu = 1e-4, .method = method}, {}).values;
  };
  const std::vector<float> exact = estimates(*c.scalar(), Method::two_pass_f64);
  // Ten layers deep. (Measured on this network and on ResNet-20: 4e-4 to 1.3e-3, and 3e-3 to 1e-2.)
  for (const auto& [precision, tolerance] : {std::pair{Precision::f16, 3e-3}, {Precision::bf16, 2.4e-2}}) {
    CAPTURE(precision_name(precision));
    CHECK(relative_error(estimates(*c.cuda({.precision = precision}), Method::propagation), exact) <= tolerance);
  }
}

TEST_CASE("cuda: a variance that falls to less than half is computed anew, in one channel and in all") {
  NetworkSpec spec{.name = "falls", .input = {2, 6, 8}, .loss = "crossEntropy"};
  spec.ops.push_back(conv_spec("one", "input", 8, 1, 1, 0, false));
  spec.ops.push_back(batch_norm_spec("one.norm", "one"));
  spec.ops.push_back(conv_spec("all", "one.norm", 8, 1, 1, 0, false));
  spec.ops.push_back(batch_norm_spec("all.norm", "all"));
  spec.ops.push_back(linear_spec("fc", "all.norm", 3, true));
  Case c(spec, 4);
  constexpr double mu = 0.5;
  // A weight w of nearly all that a channel consists of becomes w - mu, a tenth of it: of the first convolution by the
  // perturbation itself, of the second one by gamma's.
  const auto weight = [&](int op, int out, int in) -> float& {
    const ParameterInfo& p = *c.network->parameter(op, 0);
    return c.parameters[p.offset + static_cast<std::size_t>(out) * p.inner() + static_cast<std::size_t>(in)];
  };
  for (int out = 0; out < 8; ++out) {
    weight(0, out, 0) = 0.55f, weight(0, out, 1) = 0.05f * static_cast<float>(out + 1);
    c.parameters[c.network->parameter(1, 0)->offset + static_cast<std::size_t>(out)] = 0.55f;
    for (int in = 0; in < 8; ++in) weight(2, out, in) = in == 0 ? 1.0f : 0.01f * static_cast<float>(out - in);
  }
  const std::vector<std::uint32_t> coordinates = {0, 2, 4,
                                                  static_cast<std::uint32_t>(c.network->parameter(1, 0)->offset)};
  const Estimates estimates = [&](Session& session, const Batch& batch, Method method) {
    return session.differences(batch, coordinates, {.mu = mu, .scheme = Scheme::central, .method = method}, {}).values;
  };
  // What half precision rounds is as much larger as the variance falls.
  CHECK(agrees(c, estimates, 1e-4));
}

TEST_CASE("cuda: a launcher refuses a shape that its kernel was not written for") {
  const auto parts = [](int width) {
    const cuda::ConvGeometry g{.in_h = 16,
                               .in_w = width,
                               .out_c = 16,
                               .out_h = 16,
                               .out_w = width,
                               .kernel_h = 3,
                               .kernel_w = 3,
                               .stride_h = 1,
                               .stride_w = 1,
                               .pad_h = 1,
                               .pad_w = 1};
    return cuda::strip_parts(g, 16, 2);
  };
  CHECK(parts(16) > 0);
  CHECK(error_code([&] { parts(12); }) == "ERR_INTERNAL");
}

TEST_CASE("cuda: the trial against the CPU that precedes `auto` passes, in each precision") {
  const std::array precisions = {Precision::f32, Precision::bf16, Precision::f16};
  int failed = 0;
  for (int graph = 0; graph < 9; ++graph)
    for (const Precision precision : precisions) {
      const Case c(random_graph(), 2);
      INFO("graph " << network_json(c.spec));
      failed +=
          trial(c.network, c.backend({.precision = precision}), cpu::make_backend(c.network, {.threads = 1})) == "" ? 0
                                                                                                                    : 1;
    }
  // A ReLU or maximum that rounding switches can decide about a network of a few values.
  CHECK(failed <= 2);
  const Case residual(bench::network_spec("resnet8"), 2);
  for (const Precision precision : precisions)
    CHECK(trial(residual.network, residual.backend({.precision = precision}),
                cpu::make_backend(residual.network, {.threads = 1})) == "");
}

TEST_CASE("cuda: a stopped call, a device that is not there") {
  const Case c(bench::network_spec("cnn-1x4"), 2);
  const std::atomic<bool> cancelled{true};
  const auto session = c.cuda();
  CHECK(error_code([&] {
          session->differences(c.batch.batch(), c.coordinates, {}, {&cancelled, nullptr});
        }) == "ERR_ABORTED");
  CHECK(error_code([&] { session->differences(c.batch.batch(), c.coordinates, {}, {}); }) == "none");
  CHECK(error_code([&] { c.cuda({.devices = {999}}); }) == "ERR_DEVICE");
  if (library_to_check() != nullptr) return;
  simt::set_devices({.count = 3});
  CHECK_THROWS_WITH_AS(c.cuda({.devices = {1, 3}}), "CUDA device 3: expected one of those that can be used, 0, 1, 2",
                       Error);
  CHECK(c.cuda({.devices = {2, 1}, .streams = 3})->backend().info().lanes == 6);
  simt::set_devices({});
}

}  // namespace
}  // namespace deepzero::test
