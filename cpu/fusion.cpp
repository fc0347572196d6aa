#include "cpu/fusion.h"

#include <algorithm>

namespace deepzero::cpu {
namespace {

/// The route's step that alone reads a value, if it runs in the same stage; else null.
const Step* only_reader(const Network& network, const Route& route, int value, int stage) {
  const auto consumers = network.consumers(value);
  if (consumers.size() != 1) return nullptr;
  const auto step =
      std::find_if(route.steps.begin(), route.steps.end(), [&](const Step& s) { return s.op == consumers[0]; });
  return step != route.steps.end() && step->stage == stage ? &*step : nullptr;
}

}  // namespace

Fusion fuse(const Network& network, const Route& route, const Step& step) {
  Fusion fusion{.output = network.op(step.op).output(), .last = step.op};
  if (network.op(step.op).kind() != "batchNorm2d") return fusion;
  const auto join = [&](const Step& next) {
    fusion.last = next.op;
    fusion.output = network.op(next.op).output();
  };

  const Step* next = only_reader(network, route, fusion.output, step.stage);
  if (next != nullptr && network.op(next->op).kind() == "add") {
    const auto inputs = network.op(next->op).inputs();
    const int other = inputs[0] == fusion.output ? inputs[1] : inputs[0];
    const Support& support = route.support[static_cast<std::size_t>(other)];
    if (support.kind != Support::none) {
      const bool there = other <= step.op;  // the value of an earlier op
      if (!there || support != step.out || next->out != step.out) return fusion;
      fusion.shortcut = other;
    }
    join(*next);
    next = only_reader(network, route, fusion.output, step.stage);
  }
  if (next != nullptr && network.op(next->op).kind() == "relu") {
    fusion.relu = next->op;
    join(*next);
  }
  return fusion;
}

bool only_rectified(const Network& network, int value) {
  const auto consumers = network.consumers(value);
  return value > 0 && network.op(value - 1).kind() == "batchNorm2d" && consumers.size() == 1 &&
         network.op(consumers[0]).kind() == "relu";
}

}  // namespace deepzero::cpu
