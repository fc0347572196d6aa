#include "engine/ops/batch_norm.h"

#include <cmath>

#include "engine/attributes.h"
#include "engine/error.h"

namespace deepzero {

BatchNorm::BatchNorm(const OpSpec& spec) : Op(spec) {
  Attributes attributes(spec);
  eps = attributes.number("eps");
  momentum = attributes.number("momentum");
  attributes.finish();
  if (!(eps > 0) || !(momentum >= 0 && momentum <= 1))
    throw Error("ERR_NETWORK", "batchNorm2d " + spec.name + ": expected eps > 0 and momentum in [0, 1]");
}

std::vector<ParameterInfo> BatchNorm::parameters() const {
  const int c = input_shape().c;
  return {{.name = name() + ".weight", .shape = {c}, .role = 0}, {.name = name() + ".bias", .shape = {c}, .role = 1}};
}

std::vector<BufferInfo> BatchNorm::buffers() const {
  const auto c = static_cast<std::size_t>(input_shape().c);
  return {{.name = name() + ".running_mean", .initial = 0, .momentum = momentum, .size = c},
          {.name = name() + ".running_var", .initial = 1, .momentum = momentum, .size = c}};
}

double BatchNorm::cost(std::span<const Support> in) const {
  // Sums and normalisation touch each value some six times; measured against the convolutions' multiply-adds.
  return 6.0 * in[0].channels(input_shape().c) * input_shape().plane();
}

template <class T>
void BatchNorm::run(const Pass<T>& pass) const {
  const Shape& shape = input_shape();
  const std::size_t plane = static_cast<std::size_t>(shape.plane());
  const double values = static_cast<double>(plane) * pass.count;
  for (int c = 0; c < shape.c; ++c) {
    const auto at = [&](int n) { return (static_cast<std::size_t>(n) * shape.c + c) * plane; };
    double mean = pass.buffers[c], variance = pass.buffers[shape.c + c];
    if (pass.statistics == Statistics::batch) {
      double sum = 0;
      for (int n = 0; n < pass.count; ++n)
        for (std::size_t i = 0; i < plane; ++i) sum += pass.inputs[0][at(n) + i];
      mean = sum / values;
      double squares = 0;
      for (int n = 0; n < pass.count; ++n)
        for (std::size_t i = 0; i < plane; ++i) {
          const double centred = pass.inputs[0][at(n) + i] - mean;
          squares += centred * centred;
        }
      variance = squares / values;
    }
    const T scale = static_cast<T>(pass.weight[c] / std::sqrt(variance + eps)), centre = static_cast<T>(mean);
    for (int n = 0; n < pass.count; ++n)
      for (std::size_t i = 0; i < plane; ++i)
        pass.output[at(n) + i] = (pass.inputs[0][at(n) + i] - centre) * scale + pass.bias[c];
  }
}

void BatchNorm::forward(const Pass<float>& pass) const { run(pass); }
void BatchNorm::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
