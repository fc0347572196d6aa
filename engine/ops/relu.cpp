#include "engine/ops/relu.h"

#include "engine/attributes.h"

namespace deepzero {

Relu::Relu(const OpSpec& spec) : Op(spec) { Attributes(spec).finish(); }

double Relu::cost(std::span<const Support> in) const {
  return 2.0 * in[0].channels(input_shape().c) * input_shape().plane();
}

template <class T>
void Relu::run(const Pass<T>& pass) const {
  const std::size_t count = static_cast<std::size_t>(pass.count) * input_shape().size();
  for (std::size_t i = 0; i < count; ++i) {
    const T x = pass.inputs[0][i];
    pass.output[i] = x < 0 ? T(0) : x;  // a NaN stays one
  }
}

void Relu::forward(const Pass<float>& pass) const { run(pass); }
void Relu::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
