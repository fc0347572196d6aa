// The CUDA backend: random graphs against two float64 passes and the scalar CPU backend, and what must not change a
// bit: the order of threads, the number of streams and devices, memory, and the size of blocks. It runs over the SIMT
// runtime; with DEEPZERO_CUDA_LIBRARY naming a libdeepzero_cuda.so, on the devices of this machine.
#include <doctest/doctest.h>

#include <functional>
#include <map>

#include "bench/networks.h"
#include "engine/trial.h"
#include "test/native/compare.h"
#include "test/native/cuda_case.h"

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

TEST_CASE("cuda: estimates over tensor cores agree with two float64 passes to the precision of float16") {
  int ambiguous = 0, comparisons = 0;
  for (int graph = 0; graph < 12; ++graph) {
    NetworkSpec spec = random_graph();
    // Channels enough for tensor cores, ragged on purpose.
    for (OpSpec& op : spec.ops)
      if (op.op == "conv2d") op.attributes["out"] = double(pick(8, 37));
    std::erase_if(spec.ops, [](const OpSpec& op) { return op.op == "shortcutA"; });
    for (std::size_t i = 0; i < spec.ops.size(); ++i) spec.ops[i].inputs = {i == 0 ? "input" : spec.ops[i - 1].name};
    std::erase_if(spec.ops, [](const OpSpec& op) { return op.op == "add" || op.op == "concat"; });
    for (std::size_t i = 1; i < spec.ops.size(); ++i) spec.ops[i].inputs = {spec.ops[i - 1].name};
    const Case c(spec, pick(2, 4));
    const Statistics statistics = pick(0, 1) == 1 && !c.ill_conditioned() ? Statistics::batch : Statistics::running;
    INFO("graph " << network_json(c.spec));
    ++comparisons;
    const auto estimates = [&](Session& session, const Batch& batch, Method method) {
      return session.differences(batch, c.coordinates, {.mu = 1e-4, .statistics = statistics, .method = method}, {})
          .values;
    };
    // Eleven bits of each difference and weight, through a few layers.
    ambiguous += agrees(c, estimates, 5e-3, Precision::f16) ? 0 : 1;
  }
  CHECK(ambiguous <= 1 + comparisons / 6);
}

TEST_CASE("cuda: a query beyond the range of float16 is done again in float32") {
  NetworkSpec spec{.name = "three", .input = {3, 6, 7}, .loss = "crossEntropy"};
  spec.ops = {conv_spec("first", "input", 9, 3, 1, 1, false),
              batch_norm_spec("norm", "first"),
              conv_spec("second", "norm", 10, 3, 1, 1, false),
              conv_spec("third", "second", 8, 3, 1, 1, false),
              batch_norm_spec("last", "third"),
              {"relu", "relu", {"last"}, {}},
              linear_spec("fc", "relu", 5, true)};
  const Case c(spec, 2);
  const auto estimates = [&](float scale, Precision precision) {
    // The first batch norm makes differences large or small, the second one takes it back.
    std::vector<float> parameters = c.parameters;
    for (const ParameterInfo& parameter : c.network->parameters())
      if (parameter.shape.size() == 1 && parameter.role == 0) {
        for (std::size_t i = 0; i < parameter.size; ++i) parameters[parameter.offset + i] *= scale;
        break;
      }
    const auto session = c.cuda({.precision = precision});
    session->set_parameters(parameters);
    std::vector<std::uint32_t> first;
    for (std::uint32_t i = 0; i < 60; ++i) first.push_back(i);
    return session->differences(c.batch.batch(), first, {.mu = 1e-6}, {}).values;
  };
  using enum Precision;
  CHECK(!same_bits(estimates(1, f16), estimates(1, f32)));
  CHECK(same_bits(estimates(1e6f, f16), estimates(1e6f, f32)));
  CHECK(same_bits(estimates(1e-6f, f16), estimates(1e-6f, f32)));
}

TEST_CASE("cuda: directions on random graphs agree with two float64 passes in every order of threads") {
  int ambiguous = 0, comparisons = 0;
  for (int graph = 0; graph < 16; ++graph) {
    const Case c(random_graph(), pick(2, 5));
    const Statistics statistics = pick(0, 1) == 1 && !c.ill_conditioned() ? Statistics::batch : Statistics::running;
    std::vector<std::uint32_t> active;
    for (std::uint32_t i = 0; i < c.network->parameter_count(); ++i)
      if (pick(0, 2) == 0) active.push_back(i);
    if (active.empty()) active.push_back(0);
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

/// Small images: many queries in little time, which is what scheduling is about.
NetworkSpec small_network() {
  NetworkSpec spec = bench::network_spec("cnn-2x4");
  spec.input = {3, 8, 8};
  return spec;
}

TEST_CASE("cuda: streams, logical devices, memory and order of coordinates give the same bits") {
  const Case c(small_network(), 4);
  std::vector<std::uint32_t> coordinates;
  for (std::uint32_t i = 0; i < c.network->parameter_count(); i += 2) coordinates.push_back(i);
  const auto values = [&](const cuda::Options& options) {
    return c.cuda(options)->differences(c.batch.batch(), coordinates, {}, {}).values;
  };
  const std::vector<float> expected = values({.devices = {}, .streams = 1});
  CHECK(same_bits(values({.devices = {}, .streams = 3}), expected));
  CHECK(same_bits(values({.devices = {0, 0, 0}, .streams = 2}), expected));
  CHECK(same_bits(values({.devices = {}, .streams = 2, .memory = 1 << 20}), expected));

  std::vector<std::uint32_t> reversed(coordinates.rbegin(), coordinates.rend());
  std::vector<float> turned = c.cuda()->differences(c.batch.batch(), reversed, {}, {}).values;
  std::reverse(turned.begin(), turned.end());
  CHECK(same_bits(turned, expected));

  if (library_to_check() != nullptr) return;
  simt::set_devices({.count = 2});
  CHECK(same_bits(values({.devices = {1, 0}, .streams = 1}), expected));
  simt::set_devices({});
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
    }
  }
  CHECK(failures > 6);
  simt::set_devices({.failing = 0, .launches = 5});
  const auto alone = c.cuda();
  CHECK_THROWS_AS(values(*alone), Error);
  simt::set_devices({});
}

TEST_CASE("cuda: a batch that does not fit is refused with the numbers; memory that runs out shrinks the block") {
  const Case c(bench::network_spec("cnn-2x4"), 4);
  const auto code = [&](Session& session) -> std::string {
    try {
      session.differences(c.batch.batch(), c.coordinates, {}, {});
    } catch (const Error& error) {
      CAPTURE(error.what());
      CHECK(std::string(error.what()).find("smaller batch") != std::string::npos);
      return error.code();
    }
    return "none";
  };
  CHECK(code(*c.cuda({.memory = 10000})) == "ERR_OUT_OF_MEMORY");
  const std::vector<float> expected = c.cuda()->differences(c.batch.batch(), c.coordinates, {}, {}).values;
  if (library_to_check() != nullptr) return;
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

TEST_CASE("cuda: the trial against the CPU that precedes `auto` passes, in either precision") {
  int failed = 0;
  for (int graph = 0; graph < 16; ++graph)
    for (const Precision precision : {Precision::f32, Precision::f16}) {
      const Case c(random_graph(), 2);
      INFO("graph " << network_json(c.spec));
      failed +=
          trial(c.network, c.backend({.precision = precision}), cpu::make_backend(c.network, {.threads = 1})) == "" ? 0
                                                                                                                    : 1;
    }
  // A ReLU or maximum that rounding switches can decide about a network of a few values.
  CHECK(failed <= 2);
  const Case residual(bench::network_spec("resnet8"), 2);
  for (const Precision precision : {Precision::f32, Precision::f16})
    CHECK(trial(residual.network, residual.backend({.precision = precision}),
                cpu::make_backend(residual.network, {.threads = 1})) == "");
}

TEST_CASE("cuda: bfloat16 is refused with what there is") {
  const Case c(bench::network_spec("cnn-1x4"), 2);
  CHECK_THROWS_WITH_AS(c.backend({.precision = Precision::bf16}),
                       "precision: expected 'f32' or 'f16' on CUDA, received 'bf16'", Error);
}

TEST_CASE("cuda: a stopped call, a device that is not there") {
  const Case c(bench::network_spec("cnn-1x4"), 2);
  const std::atomic<bool> cancelled{true};
  const auto code = [](const std::function<void()>& work) -> std::string {
    try {
      work();
    } catch (const Error& error) {
      return error.code();
    }
    return "none";
  };
  const auto session = c.cuda();
  CHECK(code([&] {
          session->differences(c.batch.batch(), c.coordinates, {}, {&cancelled, nullptr});
        }) == "ERR_ABORTED");
  CHECK(code([&] { session->differences(c.batch.batch(), c.coordinates, {}, {}); }) == "none");
  CHECK(code([&] { c.cuda({.devices = {999}}); }) == "ERR_DEVICE");
  if (library_to_check() != nullptr) return;
  simt::set_devices({.count = 3});
  CHECK_THROWS_WITH_AS(c.cuda({.devices = {1, 3}}), "CUDA device 3: expected one of those that can be used, 0, 1, 2",
                       Error);
  CHECK(c.cuda({.devices = {2, 1}, .streams = 3})->backend().info().lanes == 6);
  simt::set_devices({});
}

}  // namespace
}  // namespace deepzero::test
