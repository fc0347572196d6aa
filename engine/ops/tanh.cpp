#include "engine/ops/tanh.h"

#include <cmath>

#include "engine/attributes.h"

namespace deepzero {

Tanh::Tanh(const OpSpec& spec) : Op(spec) { Attributes(spec).finish(); }

double Tanh::cost(std::span<const Support> in) const {
  // Three exponentials and two dozen multiply-adds around them.
  return 40.0 * in[0].channels(input_shape().c) * input_shape().plane();
}

template <class T>
void Tanh::run(const Pass<T>& pass) const {
  const std::size_t count = static_cast<std::size_t>(pass.count) * input_shape().size();
  for (std::size_t i = 0; i < count; ++i) pass.output[i] = std::tanh(pass.inputs[0][i]);
}

void Tanh::forward(const Pass<float>& pass) const { run(pass); }
void Tanh::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
