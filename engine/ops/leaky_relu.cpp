#include "engine/ops/leaky_relu.h"

#include "engine/attributes.h"

namespace deepzero {

LeakyRelu::LeakyRelu(const OpSpec& spec) : Op(spec) {
  Attributes attributes(spec);
  slope = attributes.number("slope", 0, 1);
  attributes.finish();
}

double LeakyRelu::cost(std::span<const Support> in) const {
  return 3.0 * in[0].channels(input_shape().c) * input_shape().plane();
}

template <class T>
void LeakyRelu::run(const Pass<T>& pass) const {
  const std::size_t count = static_cast<std::size_t>(pass.count) * input_shape().size();
  // The slope is a float32 number in every precision, as weights are.
  const T below = static_cast<T>(static_cast<float>(slope));
  for (std::size_t i = 0; i < count; ++i) {
    const T x = pass.inputs[0][i];
    pass.output[i] = x < 0 ? below * x : x;  // a NaN stays one
  }
}

void LeakyRelu::forward(const Pass<float>& pass) const { run(pass); }
void LeakyRelu::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
