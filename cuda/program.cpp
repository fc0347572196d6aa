#include "cuda/program.h"

#include <algorithm>

#include "cuda/arena.h"

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

  Arena arena;
  for (std::size_t s = 0; s < route.steps.size(); ++s) {
    const Op& op = network.op(route.steps[s].op);
    const auto dies = [&](int input) { return route.support[at(input)].kind != Support::none && last[at(input)] == s; };
    int reused = -1;
    if (ops[at(route.steps[s].op)]->in_place())
      for (const int input : op.inputs())
        if (reused < 0 && dies(input) && size(input) == size(op.output())) reused = input;
    program.offset[at(op.output())] = reused >= 0 ? program.offset[at(reused)] : arena.take(size(op.output()));
    for (const int input : op.inputs())
      if (input != reused && dies(input)) arena.release(program.offset[at(input)]);
  }
  program.floats = arena.peak();
  return program;
}

}  // namespace deepzero::cuda
