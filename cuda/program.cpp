#include "cuda/program.h"

#include <algorithm>

#include "engine/arena.h"

namespace deepzero::cuda {

Program make_program(const Network& network, Route made, std::span<const std::unique_ptr<CudaOp>> ops) {
  const auto at = [](int value) { return static_cast<std::size_t>(value); };
  Program program{.route = std::move(made), .offset = std::vector<std::size_t>(at(network.values()), 0)};
  const Route& route = program.route;
  const auto size = [&](int value) {
    const Shape& shape = network.shape(value);
    return at(route.support[at(value)].kind == Support::one ? shape.plane() : shape.size());
  };
  // The last step that reads a value; the network's output is read after all of them.
  std::vector<std::size_t> last(at(network.values()), 0);
  for (std::size_t s = 0; s < route.steps.size(); ++s)
    for (const int input : network.op(route.steps[s].op).inputs()) last[at(input)] = s;
  last.back() = route.steps.size();

  program.relu.assign(route.steps.size(), -1);
  program.applied.assign(route.steps.size(), false);
  const auto readers = [&](int value) {
    return std::count_if(route.steps.begin(), route.steps.end(), [&](const Step& step) {
      const auto inputs = network.op(step.op).inputs();
      return std::find(inputs.begin(), inputs.end(), value) != inputs.end();
    });
  };
  for (std::size_t s = 0; s < route.steps.size(); ++s) {
    const Step& step = route.steps[s];
    const int value = network.op(step.op).output();
    // The first step starts a query: it makes a seed.
    if (s == 0 || !ops[at(step.op)]->applies_relu() || readers(value) != 1 || last[at(value)] == route.steps.size())
      continue;
    const int reader = route.steps[last[at(value)]].op;
    if (network.op(reader).kind() != "relu") continue;
    program.relu[s] = reader;
    program.applied[last[at(value)]] = true;
  }

  Arena arena(kArenaAlignment);
  for (std::size_t s = 0; s < route.steps.size(); ++s) {
    if (program.applied[s]) continue;  // it was laid out with the op before it
    const Op& op = network.op(route.steps[s].op);
    const int output = program.relu[s] < 0 ? op.output() : network.op(program.relu[s]).output();
    const auto dies = [&](int input) { return route.support[at(input)].kind != Support::none && last[at(input)] == s; };
    const bool whole = output == network.values() - 1;
    int reused = -1;
    if (!whole && ops[at(route.steps[s].op)]->in_place())
      for (const int input : op.inputs())
        if (reused < 0 && dies(input) && size(input) == size(output)) reused = input;
    if (!whole) program.offset[at(output)] = reused >= 0 ? program.offset[at(reused)] : arena.take(size(output));
    for (const int input : op.inputs())
      if (input != reused && dies(input)) arena.release(program.offset[at(input)]);
  }
  program.elements = arena.peak();
  return program;
}

}  // namespace deepzero::cuda
