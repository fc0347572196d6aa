#include "engine/ops/sigmoid.h"

#include <cmath>

#include "engine/attributes.h"

namespace deepzero {

Sigmoid::Sigmoid(const OpSpec& spec) : Op(spec) { Attributes(spec).finish(); }

double Sigmoid::cost(std::span<const Support> in) const {
  // Three exponentials and two dozen multiply-adds around them.
  return 40.0 * in[0].channels(input_shape().c) * input_shape().plane();
}

template <class T>
void Sigmoid::run(const Pass<T>& pass) const {
  const std::size_t count = static_cast<std::size_t>(pass.count) * input_shape().size();
  for (std::size_t i = 0; i < count; ++i) pass.output[i] = 1 / (1 + std::exp(-pass.inputs[0][i]));
}

void Sigmoid::forward(const Pass<float>& pass) const { run(pass); }
void Sigmoid::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
