#include "engine/ops/linear.h"

#include "engine/attributes.h"

namespace deepzero {

Linear::Linear(const OpSpec& spec) : Op(spec) {
  Attributes attributes(spec);
  out_features = attributes.integer("out", 1);
  has_bias = attributes.flag("bias");
  attributes.finish();
}

Shape Linear::infer(std::span<const Shape>) { return {out_features, 1, 1}; }

std::vector<ParameterInfo> Linear::parameters() const {
  std::vector<ParameterInfo> list{
      {.name = name() + ".weight", .shape = {out_features, input_shape().size()}, .role = 0}};
  if (has_bias) list.push_back({.name = name() + ".bias", .shape = {out_features}, .role = 1});
  return list;
}

Support Linear::propagate(std::span<const Support> in) const {
  return {in[0].kind == Support::none ? Support::none : Support::dense, 0};
}

double Linear::cost(std::span<const Support> in) const {
  return 1.0 * out_features * (in[0].kind == Support::one ? input_shape().plane() : input_shape().size());
}

template <class T>
void Linear::run(const Pass<T>& pass) const {
  const std::size_t features = static_cast<std::size_t>(input_shape().size());
  for (int n = 0; n < pass.count; ++n) {
    const T* x = pass.inputs[0] + static_cast<std::size_t>(n) * features;
    for (int o = 0; o < out_features; ++o) {
      const T* w = pass.weight + static_cast<std::size_t>(o) * features;
      T sum = pass.bias != nullptr ? pass.bias[o] : T(0);
      for (std::size_t j = 0; j < features; ++j) sum += w[j] * x[j];
      pass.output[static_cast<std::size_t>(n) * out_features + o] = sum;
    }
  }
}

void Linear::forward(const Pass<float>& pass) const { run(pass); }
void Linear::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
