#include "engine/ops/upsample.h"

#include <algorithm>

#include "engine/attributes.h"

namespace deepzero {
namespace {

constexpr int kMostPixels = 65535;  // as for the network's input

}  // namespace

Upsample::Upsample(const OpSpec& spec) : Op(spec) {
  Attributes attributes(spec);
  scale = attributes.integer("scale", 1);
  attributes.finish();
}

Shape Upsample::infer(std::span<const Shape> inputs) {
  const Shape& x = inputs[0];
  if (std::max(x.h, x.w) > kMostPixels / scale)
    shape_error("expected an output of at most " + std::to_string(kMostPixels) + " rows and columns, received " +
                std::to_string(x.h) + "×" + std::to_string(x.w) + " times " + std::to_string(scale));
  return {x.c, x.h * scale, x.w * scale};
}

double Upsample::cost(std::span<const Support> in) const {
  return 1.0 * in[0].channels(input_shape().c) * output_shape().plane();
}

template <class T>
void Upsample::run(const Pass<T>& pass) const {
  const Shape &in = input_shape(), &out = output_shape();
  const std::size_t planes = static_cast<std::size_t>(pass.count) * in.c;
  for (std::size_t p = 0; p < planes; ++p)
    for (int i = 0; i < out.h; ++i)
      for (int j = 0; j < out.w; ++j)
        pass.output[p * out.plane() + i * out.w + j] = pass.inputs[0][p * in.plane() + (i / scale) * in.w + j / scale];
}

void Upsample::forward(const Pass<float>& pass) const { run(pass); }
void Upsample::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
