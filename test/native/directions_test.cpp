// Directions: their definition, difference propagation of full perturbations against two full float64 passes on random
// graphs on every instruction set, and what must not change a bit.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "bench/networks.h"
#include "cpu/backend.h"
#include "cpu/isa.h"
#include "engine/session.h"
#include "test/native/isa_cap.h"
#include "test/native/oracle.h"
#include "test/native/random_graph.h"

namespace deepzero::test {
namespace {

constexpr Distribution kDistributions[] = {Distribution::sphere, Distribution::tensor, Distribution::gaussian,
                                           Distribution::rademacher};

/// The smallest variance of a channel that batch norm divides by, over the largest mean square of its layer. Where it
/// is small, the rounding of float32 base features decides about a difference.
double smallest_variance(Session& session, const Batch& batch) {
  const std::vector<float> before(session.buffers().begin(), session.buffers().end());
  session.set_buffers(std::vector<float>(before.size(), 0.0f));
  session.forward(batch, {Statistics::batch, true}, {});
  double smallest = 1;
  const auto buffers = session.network().buffers();
  for (std::size_t i = 0; i + 1 < buffers.size(); i += 2) {  // mean and variance, times the momentum
    const auto at = [&](std::size_t j, std::size_t c) {
      return static_cast<double>(session.buffers()[buffers[j].offset + c]) / buffers[j].momentum;
    };
    double largest = 0;
    for (std::size_t c = 0; c < buffers[i].size; ++c) largest = std::max(largest, at(i + 1, c) + at(i, c) * at(i, c));
    for (std::size_t c = 0; c < buffers[i].size; ++c)
      if (at(i + 1, c) > 0) smallest = std::min(smallest, at(i + 1, c) / largest);
  }
  session.set_buffers(before);
  return smallest;
}

TEST_CASE("directions: the four definitions, from the generator's numbers") {
  const Network network(bench::network_spec("cnn-1x18"));
  const std::size_t count = network.parameter_count();
  const std::uint32_t k = 5;
  const RandomKey key{9, static_cast<std::uint32_t>(Purpose::directions), k};
  std::vector<float> normal(count);
  std::vector<std::uint32_t> words(count);
  random_normal(key, 0, normal);
  random_words(key, 0, words);
  std::vector<std::uint32_t> active = some_active(network);
  for (const bool all : {true, false}) {
    std::vector<bool> is_active(count, all);
    if (!all)
      for (const std::uint32_t i : active) is_active[i] = true;
    double whole = 0;
    std::vector<double> of_tensor(network.parameters().size(), 0.0);
    for (std::size_t t = 0; t < of_tensor.size(); ++t)
      for (std::size_t i = 0; i < network.parameters()[t].size; ++i) {
        const std::size_t at = network.parameters()[t].offset + i;
        const double square = static_cast<double>(normal[at]) * static_cast<double>(normal[at]);
        if (is_active[at]) whole += square, of_tensor[t] += square;
      }
    for (const Distribution distribution : kDistributions) {
      const Directions directions =
          all ? Directions(network, distribution, 9) : Directions(network, distribution, 9, active);
      std::vector<float> u(count, 0.0f), part(100);
      std::vector<double> norms(directions.norms());
      directions.draw(k, u, norms);
      for (std::size_t t = 0; t < of_tensor.size(); ++t)
        for (std::size_t i = 0; i < network.parameters()[t].size; ++i) {
          const std::size_t at = network.parameters()[t].offset + i;
          const double v = static_cast<double>(normal[at]);
          const double expected = !is_active[at]                             ? 0
                                  : distribution == Distribution::sphere     ? v / std::sqrt(whole)
                                  : distribution == Distribution::tensor     ? v / std::sqrt(of_tensor[t])
                                  : distribution == Distribution::rademacher ? (words[at] < 0x80000000u ? 1 : -1)
                                                                             : v;
          CHECK(u[at] == static_cast<float>(expected));
        }
      for (const std::size_t first : {std::size_t{0}, std::size_t{333}, count - 100}) {
        std::fill(part.begin(), part.end(), 7.0f);
        directions.draw_range(k, norms, first, part);
        CHECK(std::equal(part.begin(), part.end(), u.begin() + static_cast<std::ptrdiff_t>(first)));
      }
    }
  }
}

TEST_CASE("directions: random graphs agree with two float64 passes on every instruction set") {
  int compared = 0, ambiguous = 0;
  for (int graph = 0; graph < 24; ++graph) {
    const NetworkSpec spec = random_graph();
    const auto network = std::make_shared<const Network>(spec);
    const std::vector<float> parameters = random_parameters(*network), buffers = random_buffers(*network);
    const RandomBatch batch(*network, pick(2, 7));
    const std::vector<std::uint32_t> active = some_active(*network);
    const Distribution distribution = kDistributions[graph % 4];
    const double label_smoothing = random_smoothing(spec);
    const Directions all(*network, distribution, 1), some(*network, distribution, 1, active);
    std::vector<std::unique_ptr<Session>> sessions;
    for (const cpu::Isa isa : cpu::supported_isas()) {
      const Cap cap(cpu::isa_name(isa));
      sessions.push_back(make_session(network, {.threads = 2}));
      sessions.back()->set_parameters(parameters);
      sessions.back()->set_buffers(buffers);
    }
    const bool well_conditioned = smallest_variance(*sessions[0], batch.batch()) >= 1e-2;
    for (const Directions* directions : {&all, &some})
      for (const Statistics statistics : {Statistics::batch, Statistics::running}) {
        if (statistics == Statistics::batch && !well_conditioned) continue;
        for (const Scheme scheme : {Scheme::forward, Scheme::central})
          for (const auto& [mu, tolerance] : {std::pair{5e-3, 1e-4}, std::pair{1e-4, 1e-3}}) {
            RandomDifferencesOptions options{
                .query = {.mu = mu, .scheme = scheme, .statistics = statistics, .label_smoothing = label_smoothing},
                .count = 5,
                .first = 17};
            options.query.method = Method::two_pass_f64;
            const auto oracle = sessions[0]->random_differences(batch.batch(), *directions, options, {});
            options.query.method = Method::propagation;
            for (const auto& session : sessions) {
              const auto got = session->random_differences(batch.batch(), *directions, options, {});
              INFO("graph " << network_json(spec) << " isa " << session->backend().info().isa << " mu " << mu
                            << " distribution " << graph % 4 << " smoothing " << label_smoothing << " some "
                            << (directions == &some) << " running " << (statistics == Statistics::running)
                            << " central " << (scheme == Scheme::central));
              const double error = relative_error(got.values, oracle.values);
              if (error > tolerance) {
                ++ambiguous;
                RandomDifferencesOptions exact = options;
                exact.query.method = Method::two_pass_f64;
                const auto again = [&](const Batch& moved) {
                  return session->random_differences(moved, *directions, exact, {}).values;
                };
                CHECK(error <= allowed_by(float32_ambiguity(*session, parameters, batch, oracle.values, again)));
              } else {
                CHECK(error <= tolerance);  // not if NaN
              }
              CHECK(std::memcmp(session->parameters().data(), parameters.data(), parameters.size() * sizeof(float)) ==
                    0);
              if (oracle.values[0] != 0) ++compared;
            }
          }
      }
  }
  CHECK(compared >= 100);
  CHECK(ambiguous <= compared / 50);  // some in a thousand are expected
}

TEST_CASE("directions: the gradient is the sum of its formula, whatever the number of threads") {
  const Model model = bench::initial_model(bench::network_spec("resnet8"), 7);
  const auto network = std::make_shared<const Network>(model.spec);
  const RandomBatch batch(*network, 3);
  const std::vector<std::uint32_t> active = some_active(*network);
  for (const Distribution distribution : kDistributions) {
    const Directions directions(*network, distribution, 3, active);
    const RandomDifferencesOptions options{.count = 7, .first = 0xfffffffdu};  // the index goes on at 0
    const auto run = [&](int threads) {
      const auto session = make_session(network, {.threads = threads});
      session->set_parameters(model.parameters);
      const auto result = session->random_differences(batch.batch(), directions, options, {});
      CHECK(result.lane_chunks.size() == static_cast<std::size_t>(threads));
      CHECK(std::all_of(result.lane_chunks.begin(), result.lane_chunks.end(), [](auto n) { return n > 0; }));
      return result;
    };
    const auto expected = run(1);
    for (const int threads : {2, 3, 7}) {
      const auto got = run(threads);
      CHECK(got.values == expected.values);
      CHECK(got.gradient == expected.gradient);
    }
    std::vector<double> sums(network->parameter_count(), 0.0), norms(directions.norms());
    std::vector<float> u(sums.size(), 0.0f);
    for (std::uint32_t j = 0; j < 7; ++j) {
      directions.draw(0xfffffffdu + j, u, norms);
      for (std::size_t i = 0; i < u.size(); ++i)
        sums[i] += static_cast<double>(expected.values[j]) * static_cast<double>(u[i]);
    }
    const double factor = distribution == Distribution::sphere ? static_cast<double>(active.size()) : 1;
    for (std::size_t i = 0; i < u.size(); ++i)
      REQUIRE(expected.gradient[i] == static_cast<float>(factor / 7 * sums[i]));
  }
}

TEST_CASE("directions: the same bits whatever the precision of the differences along coordinates") {
  const Model model = bench::initial_model(bench::network_spec("resnet8"), 7);
  const auto network = std::make_shared<const Network>(model.spec);
  const RandomBatch batch(*network, 5);
  const Directions directions(*network, Distribution::sphere, 3);
  const auto run = [&](cpu::Storage storage) {
    const auto session = make_session(network, {.threads = 2, .storage = storage});
    session->set_parameters(model.parameters);
    return session->random_differences(batch.batch(), directions, {.count = 3}, {}).values;
  };
  CHECK(run(cpu::Storage::bfloat16) == run(cpu::Storage::float32));
}

TEST_CASE("directions: a tiny mu keeps its digits; a large one agrees with two passes as well") {
  const Model model = bench::initial_model(bench::network_spec("cnn-2x8"), 3);
  const auto network = std::make_shared<const Network>(model.spec);
  const auto session = make_session(network, {.threads = 2});
  session->set_parameters(model.parameters);
  const RandomBatch batch(*network, 6);
  const Directions directions(*network, Distribution::sphere, 4);
  const auto check = [&](double mu, double tolerance) {
    check_propagation(*session, model.parameters, batch, tolerance, [&](const Batch& images, Method method) {
      return session->random_differences(images, directions, {.query = {.mu = mu, .method = method}, .count = 6}, {})
          .values;
    });
  };
  check(1e-7, 1e-3);  // two float64 passes lose 1e-16/mu, far below the tolerance
  for (const double mu : {0.5, 5.0}) check(mu, 1e-4);
}

TEST_CASE("directions: on a linear layer the difference is the sum of the coordinates'") {
  const NetworkSpec spec{"linear", {2, 3, 3}, {linear_spec("fc", "input", 5, true)}, "crossEntropy"};
  const auto network = std::make_shared<const Network>(spec);
  const auto session = make_session(network, {.threads = 1});
  session->set_parameters(random_parameters(*network));
  const RandomBatch batch(*network, 6);
  std::vector<std::uint32_t> coordinates(network->parameter_count());
  for (std::uint32_t i = 0; i < coordinates.size(); ++i) coordinates[i] = i;
  const DifferencesOptions options{.mu = 1e-6, .scheme = Scheme::central};
  const auto cge = session->differences(batch.batch(), coordinates, options, {});
  const Directions directions(*network, Distribution::gaussian, 8);
  const auto rge = session->random_differences(batch.batch(), directions, {.query = options, .count = 4}, {});
  for (std::uint32_t k = 0; k < 4; ++k) {
    std::vector<float> u(coordinates.size(), 0.0f);
    directions.draw(k, u, {});
    double expected = 0, size = 0;
    for (std::size_t i = 0; i < u.size(); ++i) {
      const double term = static_cast<double>(cge.values[i]) * static_cast<double>(u[i]);
      expected += term, size += std::abs(term);
    }
    // Float32 differences on either side; the truncation is of order mu².
    CHECK(std::abs(static_cast<double>(rge.values[k]) - expected) <= 1e-6 * size);
  }
}

TEST_CASE("directions: what changes nothing gives exactly 0") {
  const Model model = bench::initial_model(bench::network_spec("cnn-1x18"), 1);
  const auto network = std::make_shared<const Network>(model.spec);
  const auto session = make_session(network, {.threads = 1});
  session->set_parameters(model.parameters);
  const RandomBatch batch(*network, 4);
  const ParameterInfo& bias = *network->parameter(0, 1);  // in front of batch norm with batch statistics
  std::vector<std::uint32_t> active;
  for (std::size_t i = 0; i < bias.size; ++i) active.push_back(static_cast<std::uint32_t>(bias.offset + i));
  const Directions directions(*network, Distribution::sphere, 2, active);
  const auto still = session->random_differences(batch.batch(), directions, {.count = 3}, {});
  CHECK(std::all_of(still.values.begin(), still.values.end(), [](float value) { return value == 0; }));
  const auto moving = session->random_differences(batch.batch(), directions,
                                                  {.query = {.statistics = Statistics::running}, .count = 3}, {});
  CHECK(std::all_of(moving.values.begin(), moving.values.end(), [](float value) { return value != 0; }));
}

TEST_CASE("directions: bad sets, bad numbers and a stop request are errors with a code") {
  const Model model = bench::initial_model(bench::network_spec("cnn-1x18"), 1);
  const auto network = std::make_shared<const Network>(model.spec);
  const auto session = make_session(network, {.threads = 2});
  session->set_parameters(model.parameters);
  const RandomBatch batch(*network, 2);
  const auto error = [](const auto& work) -> std::string {
    try {
      work();
    } catch (const Error& thrown) {
      return thrown.code() + " " + thrown.what();
    }
    return "none";
  };
  using Set = std::vector<std::uint32_t>;
  const auto made = [&](const Set& active) {
    return error([&] { Directions(*network, Distribution::sphere, 0, active); });
  };
  CHECK(made({}).starts_with("ERR_INVALID_ARGUMENT coordinates: expected at least one"));
  CHECK(made({5, 9, 5}) == "ERR_INVALID_ARGUMENT coordinates: expected each one once, received 5 twice");
  CHECK(made({0, 730}) == "ERR_INVALID_ARGUMENT coordinates: expected indices below 730, received 730");
  const Directions directions(*network, Distribution::gaussian, 0);
  const auto ran = [&](const RandomDifferencesOptions& options, const Control& control) {
    return error([&] { session->random_differences(batch.batch(), directions, options, control); });
  };
  CHECK(ran({.count = 0}, {}).starts_with("ERR_INVALID_ARGUMENT count"));
  CHECK(ran({.query = {.mu = 0}}, {}).starts_with("ERR_INVALID_ARGUMENT mu"));
  for (const double s : {-0.1, 1.0, std::nan("")})
    CHECK(ran({.query = {.label_smoothing = s}}, {}).starts_with("ERR_INVALID_ARGUMENT label smoothing"));
  CHECK(ran({.query = {.mu = 1e38}, .count = 3}, {}).starts_with("ERR_NOT_FINITE the difference along direction 0 is"));
  const std::atomic<bool> stop{true};
  CHECK(ran({.count = 2}, {.cancelled = &stop}).starts_with("ERR_ABORTED"));
  std::atomic<bool> later{false};
  std::size_t last = 0;
  const Control watched{.cancelled = &later, .progress = [&](std::size_t done, std::size_t total) {
                          CHECK(total == 1000);
                          CHECK(done == last + 1);
                          if ((last = done) == 3) later = true;
                        }};
  CHECK(ran({.count = 1000}, watched).starts_with("ERR_ABORTED"));
  CHECK(last < 10);
  CHECK(ran({}, {}) == "none");  // and it goes on
}

}  // namespace
}  // namespace deepzero::test
