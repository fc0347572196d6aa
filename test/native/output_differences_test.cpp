// Differences of the outputs, as a loss outside the engine gets them, against two float64 passes on random graphs.
#include <doctest/doctest.h>

#include <algorithm>

#include "bench/networks.h"
#include "cpu/backend.h"
#include "cpu/isa.h"
#include "engine/session.h"
#include "engine/two_pass.h"
#include "test/native/compare.h"
#include "test/native/isa_cap.h"
#include "test/native/oracle.h"
#include "test/native/random_graph.h"

namespace deepzero::test {
namespace {

struct Stand {
  explicit Stand(const NetworkSpec& described)
      : spec(described),
        network(std::make_shared<const Network>(described)),
        parameters(random_parameters(*network)),
        buffers(random_buffers(*network)),
        batch(*network, pick(2, 5)) {
    for (const ParameterInfo& parameter : network->parameters())
      for (int i = 0; i < 3; ++i)
        coordinates.push_back(static_cast<std::uint32_t>(
            parameter.offset + static_cast<std::size_t>(pick(0, static_cast<int>(parameter.size) - 1))));
  }

  std::size_t one() const { return batch.labels.size() * static_cast<std::size_t>(network->outputs()); }
  /// Without labels, which a loss of one's own has no use for.
  Batch images() const { return {batch.input.data(), nullptr, static_cast<int>(batch.labels.size())}; }

  /// Δoutputs/mu, coordinate by coordinate, +mu and then −mu, of these weights on a batch.
  std::vector<float> definition(double mu, Statistics statistics, std::span<const float> weights,
                                const Batch& batch_of) const {
    TwoPass<double> pass(*network, weights, buffers);
    const std::vector<double> base = pass.forward(batch_of, statistics);
    std::vector<float> expected;
    for (const std::uint32_t coordinate : coordinates)
      for (const double sign : {1.0, -1.0}) {
        const std::vector<double>& moved = pass.perturbed_forward(batch_of, statistics, coordinate, sign * mu);
        for (std::size_t i = 0; i < base.size(); ++i) expected.push_back(static_cast<float>((moved[i] - base[i]) / mu));
      }
    return expected;
  }

  NetworkSpec spec;
  std::shared_ptr<const Network> network;
  std::vector<float> parameters, buffers;
  RandomBatch batch;
  std::vector<std::uint32_t> coordinates;
};

void check(const Stand& stand, Statistics statistics) {
  for (const double mu : {5e-3, 1e-6}) {
    const std::vector<float> expected = stand.definition(mu, statistics, stand.parameters, stand.images());
    for (const cpu::Isa isa : cpu::supported_isas()) {
      CAPTURE(std::string(cpu::isa_name(isa)));
      CAPTURE(mu);
      const Cap cap(cpu::isa_name(isa));
      Session session(stand.network, cpu::make_backend(stand.network, {.threads = 2}));  // its own weights are zeros
      const auto run = [&](Scheme scheme) {
        return session.output_differences(stand.images(), {stand.parameters, stand.buffers}, stand.coordinates,
                                          {.mu = mu, .scheme = scheme, .statistics = statistics}, {});
      };
      const std::vector<float> got = run(Scheme::central);
      // As for estimates of the loss (differences_test.cpp); the oracle loses 1e-16/mu.
      if (const std::string verdict = compare(got, expected, 1e-3); verdict != "") {
        INFO(verdict);
        session.set_parameters(stand.parameters);
        const auto oracle = [&](const Batch& moved) {
          return stand.definition(mu, statistics, session.parameters(), moved);
        };
        CHECK(relative_error(got, expected) <=
              allowed_by(float32_ambiguity(session, stand.parameters, stand.batch, expected, oracle)));
      }
      const std::vector<float> forward = run(Scheme::forward);
      REQUIRE(forward.size() * 2 == got.size());
      bool same = true;
      for (std::size_t i = 0; i < forward.size(); ++i)
        same = same && forward[i] == got[i / stand.one() * 2 * stand.one() + i % stand.one()];
      CHECK(same);
    }
  }
}

TEST_CASE("output differences: random graphs agree with two float64 passes on every instruction set") {
  for (int graph = 0; graph < 25; ++graph) {
    const Stand stand(random_graph());
    CAPTURE(network_json(stand.spec));
    check(stand, Statistics::running);
  }
}

TEST_CASE("output differences: a residual network with batch statistics agrees with two float64 passes") {
  check(Stand(bench::network_spec("resnet8")), Statistics::batch);
}

TEST_CASE("output differences: weights of another size or not finite are refused") {
  const Stand stand(bench::network_spec("cnn-1x4"));
  Session session(stand.network, cpu::make_backend(stand.network, {.threads = 1}));
  const auto code = [&](std::span<const float> parameters, std::span<const float> buffers) -> std::string {
    try {
      session.output_differences(stand.images(), {parameters, buffers}, stand.coordinates, {}, {});
    } catch (const Error& error) {
      return error.code();
    }
    return "none";
  };
  const std::span<const float> parameters = stand.parameters, buffers = stand.buffers;
  CHECK(code(parameters, buffers) == "none");
  CHECK(code(parameters.subspan(1), buffers) == "ERR_INVALID_ARGUMENT");
  CHECK(code(parameters, {}) == "ERR_INVALID_ARGUMENT");
  std::vector<float> bad = stand.parameters;
  bad.back() = std::nanf("");
  CHECK(code(bad, buffers) == "ERR_NOT_FINITE");
}

}  // namespace
}  // namespace deepzero::test
