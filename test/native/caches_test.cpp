// What a session keeps between calls (programs and plans) belongs to the statistics and the moved tensors of a call: a
// session that was used in any other way before gives the same bits as a fresh one.
#include <doctest/doctest.h>

#include <string>

#include "bench/networks.h"
#include "cpu/backend.h"
#include "engine/session.h"
#include "test/native/error_code.h"
#include "test/native/oracle.h"
#include "test/native/random_graph.h"

namespace deepzero::test {
namespace {

TEST_CASE("caches: a used session gives the bits of a fresh one, whatever statistics and directions came before") {
  const Model model = bench::initial_model(bench::network_spec("cnn-2x8"), 1);
  const auto network = std::make_shared<const Network>(model.spec);
  const RandomBatch batch(*network, 3);
  std::vector<std::uint32_t> coordinates;
  for (const ParameterInfo& parameter : network->parameters())
    for (std::size_t i = 0; i < parameter.size; i += 1 + parameter.size / 3)
      coordinates.push_back(static_cast<std::uint32_t>(parameter.offset + i));
  const std::vector<std::uint32_t> first_tensor{0, 1, 2};
  const Directions all(*network, Distribution::tensor, 1), few(*network, Distribution::tensor, 1, first_tensor);

  enum class Call { forward, differences, along_all, along_few };
  const auto made = [&] {
    auto session = make_session(network, {.threads = 1});
    session->set_parameters(model.parameters);
    session->set_buffers(model.buffers);
    return session;
  };
  const auto run = [&](Session& session, Call call, Statistics statistics) {
    const DifferencesOptions query{.mu = 1e-3, .statistics = statistics};
    if (call == Call::forward) return session.forward(batch.batch(), {.statistics = statistics}, {}).outputs;
    if (call == Call::differences) return session.differences(batch.batch(), coordinates, query, {}).values;
    const Directions& directions = call == Call::along_all ? all : few;
    return session.random_differences(batch.batch(), directions, {.query = query, .count = 2}, {}).values;
  };

  const auto used = made();
  for (const Statistics statistics : {Statistics::running, Statistics::batch, Statistics::running})
    for (const Call call : {Call::along_all, Call::along_few, Call::differences, Call::along_all, Call::forward}) {
      CAPTURE(static_cast<int>(call));
      CAPTURE(static_cast<int>(statistics));
      std::vector<float> got, expected;
      CHECK(error_code([&] { got = run(*used, call, statistics); }) == "none");
      CHECK(error_code([&] { expected = run(*made(), call, statistics); }) == "none");
      CHECK(got == expected);
    }
}

}  // namespace
}  // namespace deepzero::test
