#include "engine/ops/add.h"

#include "engine/attributes.h"

namespace deepzero {
namespace {

std::string describe(const Shape& shape) {
  return std::to_string(shape.c) + "×" + std::to_string(shape.h) + "×" + std::to_string(shape.w);
}

}  // namespace

Add::Add(const OpSpec& spec) : Op(spec) { Attributes(spec).finish(); }

Shape Add::infer(std::span<const Shape> inputs) {
  if (!(inputs[0] == inputs[1]))
    shape_error("expected two inputs of one shape, received " + describe(inputs[0]) + " and " + describe(inputs[1]));
  return inputs[0];
}

Support Add::propagate(std::span<const Support> in) const {
  if (in[0].kind == Support::none) return in[1];
  if (in[1].kind == Support::none || in[0] == in[1]) return in[0];
  return {Support::dense, 0};
}

double Add::cost(std::span<const Support> in) const {
  return 1.0 * propagate(in).channels(input_shape().c) * input_shape().plane();
}

template <class T>
void Add::run(const Pass<T>& pass) const {
  const std::size_t count = static_cast<std::size_t>(pass.count) * input_shape().size();
  for (std::size_t i = 0; i < count; ++i) pass.output[i] = pass.inputs[0][i] + pass.inputs[1][i];
}

void Add::forward(const Pass<float>& pass) const { run(pass); }
void Add::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
