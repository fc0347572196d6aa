// What the engine refuses when a network is built, and how a difference is routed through it.
#include <doctest/doctest.h>

#include <numeric>
#include <string>

#include "bench/networks.h"
#include "engine/error.h"
#include "engine/route.h"
#include "engine/schedule.h"
#include "test/native/random_graph.h"

namespace deepzero::test {
namespace {

std::string refusal(const NetworkSpec& spec) {
  try {
    const Network network(spec);
  } catch (const Error& error) {
    return error.code() + " " + error.what();
  }
  return "accepted";
}

NetworkSpec small() {
  return {"small",
          {3, 8, 8},
          {conv_spec("conv", "input", 4, 3, 1, 1, true), linear_spec("fc", "conv", 5, true)},
          "crossEntropy"};
}

TEST_CASE("network: shapes, flat layout and PyTorch's names") {
  const Network network(small());
  REQUIRE(network.parameters().size() == 4);
  CHECK(network.parameters()[0].name == "conv.weight");
  CHECK(network.parameters()[0].shape == std::vector<int>{4, 3, 3, 3});
  CHECK(network.parameters()[3].name == "fc.bias");
  CHECK(network.parameter_count() == 4 * 27 + 4 + 5 * 256 + 5);
  CHECK(network.parameter_of(107).name == "conv.weight");
  CHECK(network.parameter_of(108).name == "conv.bias");
  CHECK(network.parameter_of(112).name == "fc.weight");
  CHECK(Network(bench::network_spec("resnet20")).parameter_count() == 269722);
  CHECK(Network(bench::network_spec("cnn-1x18")).parameter_count() == 730);
}

TEST_CASE("network: errors name the op") {
  NetworkSpec spec = small();
  spec.ops[0].attributes["kernel"] = std::vector<double>{11, 11};
  CHECK(refusal(spec) ==
        "ERR_SHAPE conv2d conv: expected an input of at least the kernel's 11×11 with padding, received 8×8");
  spec = small();
  spec.ops[1].inputs = {"later"};
  CHECK(refusal(spec).starts_with("ERR_NETWORK linear fc: unknown input 'later'"));
  spec = small();
  spec.ops[1].name = "conv";
  CHECK(refusal(spec).starts_with("ERR_NETWORK"));
  spec = small();
  spec.ops[0].op = "conv3d";
  CHECK(refusal(spec).find("unknown op 'conv3d'") != std::string::npos);
  spec = small();
  spec.ops[0].attributes["dilation"] = 2.0;
  CHECK(refusal(spec) == "ERR_NETWORK conv2d conv: unknown attribute 'dilation'");
  spec = small();
  spec.ops[0].attributes.erase("bias");
  CHECK(refusal(spec).find("'bias'") != std::string::npos);
  spec = small();
  spec.ops.insert(spec.ops.begin() + 1, OpSpec{"add", "sum", {"conv", "input"}, {}});
  CHECK(refusal(spec) == "ERR_SHAPE add sum: expected two inputs of one shape, received 4×8×8 and 3×8×8");
  spec = small();
  spec.ops[0].attributes["out"] = 2.5;
  CHECK(refusal(spec).starts_with("ERR_NETWORK conv2d conv: expected 'out' to be a whole number"));
  spec = small();
  spec.ops.insert(spec.ops.begin() + 1, OpSpec{"leakyRelu", "leaky", {"conv"}, {{"slope", 1.5}}});
  CHECK(refusal(spec) == "ERR_NETWORK leakyRelu leaky: expected 'slope' to be a number from 0 to 1, received 1.5");
  spec = small();
  spec.ops.insert(spec.ops.begin() + 1, OpSpec{"upsample2d", "up", {"conv"}, {{"scale", 2.0}}});
  spec.ops.insert(spec.ops.begin() + 2, OpSpec{"concat", "joined", {"up", "conv"}, {}});
  CHECK(refusal(spec) ==
        "ERR_SHAPE concat joined: expected two inputs of one height and width, received 16×16 and 8×8");
  spec = small();
  spec.ops.insert(spec.ops.begin() + 1, OpSpec{"upsample2d", "up", {"conv"}, {{"scale", 1e4}}});
  CHECK(refusal(spec).starts_with("ERR_SHAPE upsample2d up: expected an output of at most 65535 rows and columns"));
  spec = small();
  spec.ops[0] = OpSpec{"avgPool2d",
                       "conv",
                       {"input"},
                       {{"kernel", std::vector<double>{9, 9}},
                        {"stride", std::vector<double>{1, 1}},
                        {"padding", std::vector<double>{0, 0}}}};
  CHECK(refusal(spec) == "ERR_SHAPE avgPool2d conv: expected an input of at least 9×9 with padding, received 8×8");
  spec = small();
  spec.ops[0] = conv_spec("conv", "input", 65535, 8, 1, 0, true);
  for (int i = 0; i < 16; ++i) {
    const std::string before = i == 0 ? "conv" : "twice" + std::to_string(i - 1);
    spec.ops.insert(spec.ops.end() - 1, OpSpec{"concat", "twice" + std::to_string(i), {before, before}, {}});
  }
  CHECK(refusal(spec) ==
        "ERR_SHAPE concat twice15: expected at most 2^31 - 1 channels, received 2147450880 and 2147450880");
  spec = small();
  spec.loss = "hinge";
  CHECK(refusal(spec).starts_with("ERR_NETWORK unknown loss 'hinge'"));
}

TEST_CASE("route: one channel through batch norm, ReLU and the sum; one input channel into the next convolution") {
  const Network network(bench::network_spec("resnet20"));
  const Route route = make_route(network, 0, Statistics::batch);
  CHECK(route.support.back().kind == Support::dense);
  const auto support = [&](const std::string& name) {
    for (const auto& op : network.ops())
      if (op->name() == name) return route.support[static_cast<std::size_t>(op->output())].kind;
    return Support::none;
  };
  CHECK(support("conv1") == Support::one);
  CHECK(support("bn1") == Support::one);
  CHECK(support("layer1.0.conv1") == Support::dense);
  // 19 convolutions, the first seeded, one with a single input channel, the rest dense: about 16 units of 17.
  CHECK(route.cost > 15 * 2.36e6);
  CHECK(make_route(network, 0, Statistics::running).stages == 1);
  CHECK(route.stages == 20);
}

TEST_CASE("cost: of a pass and of queries, in multiply-adds per image") {
  const Network network(bench::network_spec("resnet20"));
  // Convolutions alone: 17.2 units of 2.36 million (docs/difference-propagation.md); the rest adds a few per cent.
  const double unit = 16.0 * 16 * 9 * 1024;
  CHECK(pass_cost(network) > 17.1 * unit);
  CHECK(pass_cost(network) < 18.5 * unit);
  double total = 0;
  for (const ParameterInfo& parameter : network.parameters()) {
    const double cost = query_cost(network, parameter, Statistics::batch);
    CHECK(cost < pass_cost(network));
    total += cost * static_cast<double>(parameter.size);
  }
  // Averaged over all weights, 3.1 units of convolution and some for what is between them.
  CHECK(total / static_cast<double>(network.parameter_count()) > 3.0 * unit);
  CHECK(total / static_cast<double>(network.parameter_count()) < 3.6 * unit);
  const Network cnn(bench::network_spec("cnn-1x18"));
  CHECK(query_cost(cnn, *cnn.parameter(0, 1), Statistics::batch) == 0);  // a conv bias in front of batch norm
  CHECK(query_cost(cnn, *cnn.parameter(0, 1), Statistics::running) > 0);
}

TEST_CASE("route: a direction is everywhere from the first op that it moves, without what vanishes") {
  const Network network(bench::network_spec("cnn-2x8"));
  const auto index = [&](const std::string& name) {
    for (std::size_t i = 0; i < network.parameters().size(); ++i)
      if (network.parameters()[i].name == name) return i;
    return network.parameters().size();
  };
  const auto moving = [&](const std::vector<std::string>& names) {
    std::vector<bool> moved(network.parameters().size(), false);
    for (const std::string& name : names) moved.at(index(name)) = true;
    return moved;
  };
  const Route all = make_route(network, std::vector<bool>(network.parameters().size(), true), Statistics::batch);
  CHECK(all.steps.size() == network.ops().size());
  CHECK(all.stages == 3);
  for (const Step& step : all.steps) CHECK(step.out.kind == Support::dense);
  CHECK(all.moved[0] == std::array{true, false});  // the bias in front of batch norm changes nothing
  CHECK(all.moved.back() == std::array{true, true});

  // Batch norm where the difference starts is no barrier.
  const Route from_norm = make_route(network, moving({"conv_layers.1.weight", "fc.bias"}), Statistics::batch);
  CHECK(from_norm.steps.front().op == 1);
  CHECK(from_norm.steps.front().stage == 0);
  CHECK(from_norm.stages == 2);
  const Route nowhere = make_route(network, moving({"conv_layers.0.bias"}), Statistics::batch);
  CHECK(nowhere.steps.empty());
  CHECK(nowhere.support.back().kind == Support::none);
  CHECK(make_route(network, moving({"conv_layers.0.bias"}), Statistics::running).stages == 1);
}

TEST_CASE("schedule: every coordinate once, chunks within the block, dearest first") {
  const Network network(bench::network_spec("resnet8"));
  std::vector<std::uint32_t> coordinates;
  for (std::uint32_t i = 0; i < network.parameter_count(); i += 3) coordinates.push_back(i);
  const auto same = [](int op) { return op; };
  const auto in_front = [&](int op) { return carried_with(network, op); };
  for (const auto& start : {std::function<int(int)>(same), std::function<int(int)>(in_front)}) {
    const auto chunks = make_chunks(network, coordinates, Statistics::batch, start, [](int) { return 5; });
    std::vector<int> seen(coordinates.size(), 0);
    double cost = chunks.front().cost;
    for (const Chunk& chunk : chunks) {
      CHECK(chunk.queries.size() <= 5);
      CHECK(chunk.cost <= cost);
      cost = chunk.cost;
      int before = 0;
      for (const Query& query : chunk.queries) {
        const ParameterInfo& parameter = network.parameters()[static_cast<std::size_t>(query.parameter)];
        CHECK(start(parameter.op) == chunk.op);
        CHECK(query.parameter >= before);
        before = query.parameter;
        ++seen[query.result];
        CHECK(coordinates[query.result] ==
              parameter.offset + static_cast<std::size_t>(chunk.channel) * parameter.inner() + query.element);
      }
    }
    CHECK(std::all_of(seen.begin(), seen.end(), [](int count) { return count == 1; }));
    CHECK_THROWS_AS(
        make_chunks(network, std::vector<std::uint32_t>{1u << 30}, Statistics::batch, start, [](int) { return 1; }),
        Error);
  }
}

TEST_CASE(
    "schedule: queries of a channel of an op, and where the backend takes them of the batch norm behind it, are one "
    "chunk") {
  const Network network(bench::network_spec("cnn-2x8"));
  std::vector<std::uint32_t> coordinates(network.parameter_count());
  std::iota(coordinates.begin(), coordinates.end(), 0u);
  const auto chunks = [&](const std::function<int(int)>& start) {
    return make_chunks(network, coordinates, Statistics::batch, start, [](int) { return 1000; });
  };
  // Two convolutions and two batch norms of eight channels, and the ten outputs.
  CHECK(chunks([](int op) { return op; }).size() == 4 * 8 + 10);
  CHECK(chunks([&](int op) { return carried_with(network, op); }).size() == 2 * 8 + 10);
}

TEST_CASE("route: a batch norm is carried with what alone makes its input, if that has weights") {
  NetworkSpec spec{.name = "carried", .input = {2, 6, 6}, .loss = "meanSquaredError"};
  spec.ops.push_back(batch_norm_spec("first", "input"));          // 0: of the input
  spec.ops.push_back(conv_spec("a", "first", 3, 3, 1, 1, true));  // 1
  spec.ops.push_back(batch_norm_spec("behind", "a"));             // 2: behind a convolution
  spec.ops.push_back(batch_norm_spec("again", "behind"));         // 3: behind a batch norm
  spec.ops.push_back(conv_spec("b", "again", 3, 3, 1, 1, true));  // 4
  spec.ops.push_back(batch_norm_spec("shared", "b"));             // 5: somebody else reads the convolution
  spec.ops.push_back({"add", "sum", {"shared", "b"}, {}});        // 6
  spec.ops.push_back(batch_norm_spec("of-sum", "sum"));           // 7
  const Network network(spec);
  const std::vector<int> expected = {0, 1, 1, 3, 4, 5, 6, 7};
  for (int op = 0; op < 8; ++op) CHECK(carried_with(network, op) == expected[static_cast<std::size_t>(op)]);
}

}  // namespace
}  // namespace deepzero::test
