// Difference propagation against two full float64 passes, on random graphs, on every instruction set; and what must
// not change a bit: threads, memory, order, duplicates.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <numeric>
#include <set>

#include "bench/networks.h"
#include "cpu/backend.h"
#include "cpu/isa.h"
#include "engine/session.h"
#include "engine/two_pass.h"
#include "test/native/error_code.h"
#include "test/native/isa_cap.h"
#include "test/native/oracle.h"
#include "test/native/random_graph.h"

namespace deepzero::test {
namespace {

std::vector<std::uint32_t> some_coordinates(const Network& network, int each) {
  std::vector<std::uint32_t> coordinates;
  for (const ParameterInfo& parameter : network.parameters())
    for (int i = 0; i < each; ++i)
      coordinates.push_back(static_cast<std::uint32_t>(
          parameter.offset + static_cast<std::size_t>(pick(0, static_cast<int>(parameter.size) - 1))));
  return coordinates;
}

std::string describe(const NetworkSpec& spec) { return network_json(spec); }

TEST_CASE("differences: random graphs agree with two float64 passes on every instruction set") {
  int ambiguous = 0, comparisons = 0;
  for (int graph = 0; graph < 40; ++graph) {
    const NetworkSpec spec = random_graph();
    const auto network = std::make_shared<const Network>(spec);
    const std::vector<float> parameters = random_parameters(*network), buffers = random_buffers(*network);
    const RandomBatch batch(*network, pick(2, 7));
    const std::vector<std::uint32_t> coordinates = some_coordinates(*network, 4);
    const Statistics statistics = pick(0, 1) == 1 ? Statistics::batch : Statistics::running;
    const double label_smoothing = random_smoothing(spec);
    if (statistics == Statistics::batch && spec.ops.size() > 2) {
      // Batch statistics of 1×1 planes over few images have variances near 0, where float32 base features decide.
      bool tiny = false;
      for (int op = 0; op < static_cast<int>(network->ops().size()); ++op)
        tiny |= network->op(op).barrier(statistics) && network->op(op).input_shape().plane() < 4;
      if (tiny) continue;
    }
    for (const Scheme scheme : {Scheme::forward, Scheme::central}) {
      for (const auto& [mu, tolerance] : {std::pair{5e-3, 1e-4}, std::pair{1e-4, 1e-3}}) {
        std::vector<float> expected;
        for (const cpu::Isa isa : cpu::supported_isas()) {
          const Cap cap(cpu::isa_name(isa));
          const auto session = make_session(network, {.threads = 2});
          session->set_parameters(parameters);
          session->set_buffers(buffers);
          DifferencesOptions options{
              .mu = mu, .scheme = scheme, .statistics = statistics, .label_smoothing = label_smoothing};
          const auto got = session->differences(batch.batch(), coordinates, options, {});
          if (expected.empty()) {
            options.method = Method::two_pass_f64;
            const auto oracle = session->differences(batch.batch(), coordinates, options, {});
            expected = oracle.values;
            CHECK(std::abs(oracle.loss - got.loss) <= 1e-5 * std::abs(got.loss));
          }
          const double error = relative_error(got.values, expected);
          INFO("graph " << describe(spec) << " isa " << std::string(cpu::isa_name(isa)) << " mu " << mu);
          ++comparisons;
          if (error > tolerance) {
            ++ambiguous;
            options.method = Method::two_pass_f64;
            const auto oracle = [&](const Batch& moved) {
              return session->differences(moved, coordinates, options, {}).values;
            };
            CHECK(error <= allowed_by(float32_ambiguity(*session, parameters, batch, expected, oracle)));
          } else {
            CHECK(error <= tolerance);  // not if NaN
          }
          CHECK(std::memcmp(session->parameters().data(), parameters.data(), parameters.size() * sizeof(float)) == 0);
        }
      }
    }
  }
  CHECK(ambiguous <= comparisons / 50);  // some in a thousand are expected
}

TEST_CASE("differences: a network with 95 % of its weights zero agrees with two float64 passes") {
  Model model = bench::initial_model(bench::network_spec("resnet8"), 11);
  const auto network = std::make_shared<const Network>(model.spec);
  std::bernoulli_distribution keep(0.05);
  std::vector<std::uint32_t> others;
  for (const ParameterInfo& parameter : network->parameters()) {
    // A factor of about √20 keeps the activations of order one.
    for (std::size_t i = parameter.offset; i < parameter.offset + parameter.size; ++i) {
      if (parameter.shape.size() == 4)
        model.parameters[i] = keep(generator()) ? model.parameters[i] * 4.5f : 0.0f;
      else
        others.push_back(static_cast<std::uint32_t>(i));
    }
  }
  // Directions that move the convolutions, and some that only pass through them.
  const Directions all(*network, Distribution::tensor, 3), some(*network, Distribution::tensor, 3, others);
  const RandomBatch batch(*network, 4);
  const std::vector<std::uint32_t> coordinates = some_coordinates(*network, 6);
  for (const Statistics statistics : {Statistics::batch, Statistics::running}) {
    std::vector<std::vector<float>> expected;
    for (const cpu::Isa isa : cpu::supported_isas()) {
      const Cap cap(cpu::isa_name(isa));
      const auto session = make_session(network, {.threads = 2});
      session->set_parameters(model.parameters);
      session->set_buffers(model.buffers);
      const auto estimates = [&](Method method) {
        const DifferencesOptions query{.mu = 1e-4, .statistics = statistics, .method = method};
        const auto along = [&](const Directions& directions) {
          return session->random_differences(batch.batch(), directions, {.query = query, .count = 4}, {}).values;
        };
        return std::vector{session->differences(batch.batch(), coordinates, query, {}).values, along(all), along(some)};
      };
      if (expected.empty()) expected = estimates(Method::two_pass_f64);
      const auto got = estimates(Method::propagation);
      CAPTURE(std::string(cpu::isa_name(isa)));
      for (std::size_t i = 0; i < got.size(); ++i) {
        CHECK(std::any_of(expected[i].begin(), expected[i].end(), [](float value) { return value != 0.0f; }));
        CHECK(relative_error(got[i], expected[i]) <= 1e-3);
      }
    }
  }
}

TEST_CASE("differences: any number of threads, memory and order gives the same bits") {
  const Model model = bench::initial_model(bench::network_spec("resnet8"), 7);
  const auto network = std::make_shared<const Network>(model.spec);
  const RandomBatch batch(*network, 3);
  std::vector<std::uint32_t> coordinates = some_coordinates(*network, 12);
  const auto run = [&](const cpu::Options& options, std::span<const std::uint32_t> list, int* worked) {
    const auto session = make_session(network, options);
    session->set_parameters(model.parameters);
    const auto result = session->differences(batch.batch(), list, {.mu = 1e-4}, {});
    if (worked != nullptr)
      *worked = static_cast<int>(std::count_if(result.lane_chunks.begin(), result.lane_chunks.end(),
                                               [](std::uint32_t chunks) { return chunks > 0; }));
    return result.values;
  };
  const std::vector<float> expected = run({.threads = 1}, coordinates, nullptr);
  for (const int threads : {1, 2, 3, 7}) {
    int worked = 0;
    CHECK(run({.threads = threads}, coordinates, &worked) == expected);
    CHECK(worked == threads);
  }
  CHECK(run({.threads = 2, .memory = 1}, coordinates, nullptr) == expected);  // one query at a time

  std::vector<std::size_t> order(coordinates.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::shuffle(order.begin(), order.end(), generator());
  std::vector<std::uint32_t> shuffled;
  for (const std::size_t i : order) shuffled.push_back(coordinates[i]);
  shuffled.push_back(coordinates[0]);  // a duplicate
  const std::vector<float> values = run({.threads = 2}, shuffled, nullptr);
  for (std::size_t i = 0; i < order.size(); ++i) CHECK(values[i] == expected[order[i]]);
  CHECK(values.back() == expected[0]);
}

TEST_CASE("differences: a conv bias in front of batch norm with batch statistics has the estimate 0 without a query") {
  const Model model = bench::initial_model(bench::network_spec("cnn-1x18"), 1);
  const auto network = std::make_shared<const Network>(model.spec);
  const auto session = make_session(network, {.threads = 1});
  session->set_parameters(model.parameters);
  const RandomBatch batch(*network, 4);
  const ParameterInfo& bias = *network->parameter(0, 1);
  std::vector<std::uint32_t> coordinates;
  for (std::size_t i = 0; i < bias.size; ++i) coordinates.push_back(static_cast<std::uint32_t>(bias.offset + i));
  const auto still = session->differences(batch.batch(), coordinates, {}, {});
  for (const float value : still.values) CHECK(value == 0.0f);
  CHECK(still.lane_chunks == std::vector<std::uint32_t>{0});
  const auto moving = session->differences(batch.batch(), coordinates, {.statistics = Statistics::running}, {});
  CHECK(std::any_of(moving.values.begin(), moving.values.end(), [](float value) { return value != 0.0f; }));
}

TEST_CASE("differences: any mu from 1e-7 up; a large one agrees with two passes as well") {
  const Model model = bench::initial_model(bench::network_spec("cnn-2x8"), 3);
  const auto network = std::make_shared<const Network>(model.spec);
  const auto session = make_session(network, {.threads = 2});
  session->set_parameters(model.parameters);
  const RandomBatch batch(*network, 6);
  const auto coordinates = some_coordinates(*network, 6);
  const auto check = [&](double mu, double tolerance) {
    check_propagation(*session, model.parameters, batch, tolerance, [&](const Batch& images, Method method) {
      return session->differences(images, coordinates, {.mu = mu, .method = method}, {}).values;
    });
  };
  check(1e-7, 1e-3);  // two float64 passes lose 1e-16/mu, far below the tolerance
  for (const double mu : {0.5, 5.0}) check(mu, 1e-4);
}

TEST_CASE("differences: in networks of one channel, sums of a difference in it and of a dense one") {
  // Both are of one size there, and a sum must not be written over the first before it is read.
  for (const bool swapped : {false, true})
    for (const bool normalised : {false, true})
      for (const Statistics statistics : {Statistics::batch, Statistics::running}) {
        NetworkSpec spec{.name = "narrow", .input = {1, 9, 5}, .loss = "meanSquaredError"};
        spec.ops = {batch_norm_spec("first", "input"), conv_spec("conv", "first", 1, 3, 1, 1, false)};
        if (normalised) spec.ops.push_back(batch_norm_spec("norm", "conv"));
        const std::string last = spec.ops.back().name, first = "first";
        spec.ops.push_back({"add", "sum", swapped ? std::vector{last, first} : std::vector{first, last}, {}});
        spec.ops.push_back({"relu", "relu", {"sum"}, {}});
        spec.ops.push_back({"globalAvgPool", "pool", {"relu"}, {}});
        spec.ops.push_back(linear_spec("fc", "pool", 5, true));
        CAPTURE(network_json(spec));
        const auto network = std::make_shared<const Network>(spec);
        const std::vector<float> parameters = random_parameters(*network), buffers = random_buffers(*network);
        const RandomBatch batch(*network, 3);
        for (const cpu::Storage storage : {cpu::Storage::float32, cpu::Storage::bfloat16}) {
          const auto session = make_session(network, {.threads = 1, .storage = storage});
          session->set_parameters(parameters);
          session->set_buffers(buffers);
          check_propagation(*session, parameters, batch, storage == cpu::Storage::float32 ? 1e-3 : 5e-2,
                            [&](const Batch& images, Method method) {
                              return session
                                  ->differences(images, std::vector<std::uint32_t>{0, 1},
                                                {.mu = 1e-4, .statistics = statistics, .method = method}, {})
                                  .values;
                            });
        }
      }
}

TEST_CASE("differences: kernels that reach beyond an input of one column") {
  const auto pair = [](double h, double w) { return std::vector<double>{h, w}; };
  for (const auto& [width, kernel] : {std::pair{1, 3}, {2, 5}}) {
    NetworkSpec spec{.name = "narrow", .input = {2, 6, width}, .loss = "meanSquaredError"};
    const double k = kernel;
    spec.ops = {OpSpec{"conv2d",
                       "first",
                       {"input"},
                       {{"out", 3.0},
                        {"kernel", pair(k, k)},
                        {"stride", pair(2, 2)},
                        {"padding", pair(kernel / 2, kernel / 2)},
                        {"bias", true}}},
                linear_spec("fc", "first", 2, true)};
    const auto network = std::make_shared<const Network>(spec);
    const auto session = make_session(network, {.threads = 1});
    session->set_parameters(random_parameters(*network));
    RandomBatch batch(*network, 3);
    std::vector<std::uint32_t> all(network->parameter_count());
    std::iota(all.begin(), all.end(), 0u);
    const auto got = session->differences(batch.batch(), all, {.mu = 1e-3}, {}).values;
    const auto expected =
        session->differences(batch.batch(), all, {.mu = 1e-3, .method = Method::two_pass_f64}, {}).values;
    CHECK(relative_error(got, expected) <= 1e-5);
  }
}

TEST_CASE("session: forward agrees with the two-pass float64 outputs; running statistics follow the batch") {
  const Model model = bench::initial_model(bench::network_spec("resnet8"), 5);
  const auto network = std::make_shared<const Network>(model.spec);
  const auto session = make_session(network, {.threads = 2});
  session->set_parameters(model.parameters);
  const RandomBatch batch(*network, 5);
  const std::vector<float> before(session->buffers().begin(), session->buffers().end());
  session->forward(batch.batch(), {Statistics::batch, false}, {});
  CHECK(std::equal(before.begin(), before.end(), session->buffers().begin()));
  session->forward(batch.batch(), {Statistics::batch, true}, {});
  CHECK(!std::equal(before.begin(), before.end(), session->buffers().begin()));
}

TEST_CASE("session: a stop request, bad numbers and bad arguments are errors with a code") {
  const Model model = bench::initial_model(bench::network_spec("cnn-1x18"), 1);
  const auto network = std::make_shared<const Network>(model.spec);
  const auto session = make_session(network, {.threads = 2});
  session->set_parameters(model.parameters);
  RandomBatch batch(*network, 2);
  const std::vector<std::uint32_t> all = some_coordinates(*network, 2);
  const std::atomic<bool> stop{true};
  CHECK(error_code([&] { session->differences(batch.batch(), all, {}, {.cancelled = &stop}); }) == "ERR_ABORTED");
  // Also within a whole pass, of which some take minutes.
  TwoPass<double> pass(*network, session->parameters(), session->buffers(), 0, {.cancelled = &stop});
  CHECK(error_code([&] { pass.forward(batch.batch(), Statistics::batch); }) == "ERR_ABORTED");
  for (const double mu : {0.0, -1.0, 9e-38, 1e39, std::nan("")})
    CHECK(error_code([&] { session->differences(batch.batch(), all, {.mu = mu}, {}); }) == "ERR_INVALID_ARGUMENT");
  for (const double s : {-0.1, 1.0, std::nan("")}) {
    CHECK(error_code([&] { session->differences(batch.batch(), all, {.label_smoothing = s}, {}); }) ==
          "ERR_INVALID_ARGUMENT");
    CHECK(error_code([&] { session->forward(batch.batch(), {.label_smoothing = s}, {}); }) == "ERR_INVALID_ARGUMENT");
  }
  CHECK(error_code([&] { session->differences(batch.batch(), std::vector<std::uint32_t>{730}, {}, {}); }) ==
        "ERR_INVALID_ARGUMENT");
  const std::vector<float> targets(2 * 10, 0.5f);
  CHECK(error_code([&] {
          session->forward({batch.input.data(), nullptr, 2, targets.data()}, {}, {});
        }) == "ERR_INVALID_ARGUMENT");
  batch.labels[1] = 10;
  CHECK(error_code([&] { session->forward(batch.batch(), {}, {}); }) == "ERR_INVALID_ARGUMENT");
  batch.labels[1] = 0;
  batch.input[5] = std::nanf("");
  CHECK(error_code([&] { session->forward(batch.batch(), {}, {}); }) == "ERR_NOT_FINITE");
  batch.input[5] = 0;
  std::vector<float> weights = model.parameters;
  weights[3] = std::nanf("");
  CHECK(error_code([&] { session->set_parameters(weights); }) == "ERR_NOT_FINITE");
  for (float& weight : weights) weight = 1e38f;
  session->set_parameters(weights);
  CHECK(error_code([&] { session->forward(batch.batch(), {Statistics::running}, {}); }) == "ERR_NOT_FINITE");
  session->set_parameters(model.parameters);
  CHECK(error_code([&] { session->differences(batch.batch(), all, {}, {}); }) == "none");  // and it goes on
  CHECK(error_code([&] { make_session(network, {.threads = 2000}); }) == "ERR_INVALID_ARGUMENT");
}

TEST_CASE("session: the mean squared error is the mean over images and outputs; what it cannot use is refused") {
  const NetworkSpec spec{.name = "field",
                         .input = {2, 5, 4},
                         .ops = {conv_spec("conv", "input", 3, 3, 1, 1, true)},
                         .loss = "meanSquaredError"};
  const auto network = std::make_shared<const Network>(spec);
  const auto session = make_session(network, {.threads = 2});
  session->set_parameters(random_parameters(*network));
  RandomBatch batch(*network, 3);
  const auto result = session->forward(batch.batch(), {}, {});
  double sum = 0;
  for (std::size_t i = 0; i < batch.targets.size(); ++i) {
    const double error = static_cast<double>(result.outputs[i]) - static_cast<double>(batch.targets[i]);
    sum += error * error;
  }
  CHECK(std::abs(result.loss - sum / static_cast<double>(batch.targets.size())) <= 1e-12 * sum);  // float64 sums
  CHECK(result.correct == 0);
  CHECK(std::isnan(session->forward({batch.input.data(), nullptr, 3}, {}, {}).loss));

  const auto message = [](const auto& work) -> std::string {
    try {
      work();
    } catch (const Error& error) {
      return error.code() + " " + error.what();
    }
    return "none";
  };
  const std::vector<std::uint32_t> all = some_coordinates(*network, 2);
  CHECK(message([&] {
          session->differences(batch.batch(), all, {.label_smoothing = 0.1}, {});
        }).starts_with("ERR_INVALID_ARGUMENT label smoothing: expected 0 with the loss meanSquaredError"));
  CHECK(message([&] {
          session->differences({batch.input.data(), batch.labels.data(), 3}, all, {}, {});
        }) == "ERR_INVALID_ARGUMENT the batch: expected targets for the loss meanSquaredError, received labels");
  CHECK(message([&] {
          session->differences({batch.input.data(), nullptr, 3}, all, {}, {});
        }) == "ERR_INVALID_ARGUMENT the batch: expected targets, received none");
  batch.targets[70] = std::nanf("");
  CHECK(message([&] { session->forward(batch.batch(), {}, {}); }) ==
        "ERR_NOT_FINITE the targets: expected finite numbers, received nan in image 1");
}

TEST_CASE("session: numbers that grow beyond float32, bad running statistics and single values are errors") {
  // One input, a hidden unit, one output: z = head·hidden·10.
  const auto chain = std::make_shared<const Network>(
      NetworkSpec{.name = "chain",
                  .input = {1, 1, 1},
                  .ops = {linear_spec("hidden", "input", 1, false), linear_spec("head", "hidden", 1, false)},
                  .loss = "meanSquaredError"});
  const auto norm = std::make_shared<const Network>(
      NetworkSpec{.name = "norm",
                  .input = {1, 1, 1},
                  .ops = {batch_norm_spec("norm", "input"), linear_spec("fc", "norm", 2, false)},
                  .loss = "crossEntropy"});
  const std::vector<float> ten{10, 20}, target{0};
  const std::vector<std::int32_t> labels{0, 1};
  const std::vector<std::uint32_t> first{0};
  const Batch images{ten.data(), nullptr, 1}, aimed{ten.data(), nullptr, 1, target.data()};
  const auto session = make_session(chain, {.threads = 2});
  const auto normalised = make_session(norm, {.threads = 2});
  const auto with = [&](float hidden, float head) { session->set_parameters(std::vector{hidden, head}); };
  const auto estimate = [&](double mu, Method method) {
    return [&, mu, method] { session->differences(aimed, first, {.mu = mu, .method = method}, {}); };
  };
  const auto outputs = [&](float hidden, float head) {
    return [&, hidden, head] {
      session->output_differences(images, {std::vector{hidden, head}, {}}, first, {.mu = 1e-3}, {});
    };
  };
  const auto forward = [&](float hidden, float head) {
    return [&, hidden, head] { with(hidden, head), session->forward(images, {}, {}); };
  };
  const auto buffers = [&](float mean, float variance) {
    return [&, mean, variance] { normalised->set_buffers(std::vector{mean, variance}); };
  };
  const auto pixels = [&](int count, Statistics statistics) {
    return [&, count, statistics] {
      normalised->forward({ten.data(), labels.data(), count}, {.statistics = statistics}, {});
    };
  };

  struct Row {
    const char* what;
    std::function<void()> work;
    const char* code;
  };
  with(1, 1);
  const Row rows[] = {
      {"an estimate", estimate(1e-3, Method::propagation), "none"},
      {"(mu·10)²/mu of 1e40", estimate(1e38, Method::propagation), "ERR_NOT_FINITE"},
      {"the same by two passes", estimate(1e38, Method::two_pass_f64), "ERR_NOT_FINITE"},
      {"outputs that move by 1e38", outputs(0, 1e37f), "none"},
      {"outputs that move by 1e39", outputs(0, 1e38f), "ERR_NOT_FINITE"},
      {"base outputs of 1e38", forward(1, 1e37f), "none"},
      {"base outputs of 1e39, without a target", forward(1, 1e38f), "ERR_NOT_FINITE"},
      {"a variance of 0, a negative mean", buffers(-0.5f, 0), "none"},
      {"a negative variance", buffers(0, -0.5f), "ERR_INVALID_ARGUMENT"},
      {"two values per channel", pixels(2, Statistics::batch), "none"},
      {"one value per channel", pixels(1, Statistics::batch), "ERR_INVALID_ARGUMENT"},
      {"one value per channel, running statistics", pixels(1, Statistics::running), "none"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    CHECK(error_code(row.work) == row.code);
  }
}

TEST_CASE("session: the running statistics follow a batch only with batch statistics, in every call") {
  const Model model = bench::initial_model(bench::network_spec("cnn-1x18"), 1);
  const auto network = std::make_shared<const Network>(model.spec);
  const auto session = make_session(network, {.threads = 1});
  session->set_parameters(model.parameters);
  const RandomBatch batch(*network, 2);
  const std::vector<std::uint32_t> first{0};
  const Directions directions(*network, Distribution::sphere, 1);
  const auto call = [&](int which, Statistics statistics) {
    const DifferencesOptions query{.statistics = statistics, .update_running = true};
    if (which == 0) session->forward(batch.batch(), {statistics, true}, {});
    if (which == 1) session->differences(batch.batch(), first, query, {});
    if (which == 2) session->random_differences(batch.batch(), directions, {.query = query, .count = 1}, {});
    if (which == 3)
      session->output_differences({batch.input.data(), nullptr, 2}, {model.parameters, model.buffers}, first,
                                  {.statistics = statistics, .update_running = true}, {});
  };
  for (int which = 0; which < 4; ++which) {
    CAPTURE(which);
    session->set_buffers(model.buffers);
    const auto unchanged = [&] { return std::ranges::equal(session->buffers(), model.buffers); };
    call(which, Statistics::running);
    CHECK(unchanged());
    call(which, Statistics::batch);
    CHECK(!unchanged());
  }
}

}  // namespace
}  // namespace deepzero::test
