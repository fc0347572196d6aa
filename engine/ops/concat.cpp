#include "engine/ops/concat.h"

#include <algorithm>
#include <limits>

#include "engine/attributes.h"

namespace deepzero {
namespace {

std::string pixels(const Shape& shape) { return std::to_string(shape.h) + "×" + std::to_string(shape.w); }

}  // namespace

Concat::Concat(const OpSpec& spec) : Op(spec) { Attributes(spec).finish(); }

Shape Concat::infer(std::span<const Shape> inputs) {
  const Shape &a = inputs[0], &b = inputs[1];
  if (a.h != b.h || a.w != b.w)
    shape_error("expected two inputs of one height and width, received " + pixels(a) + " and " + pixels(b));
  if (a.c > std::numeric_limits<int>::max() - b.c)
    shape_error("expected at most 2^31 - 1 channels, received " + std::to_string(a.c) + " and " + std::to_string(b.c));
  return {a.c + b.c, a.h, a.w};
}

Support Concat::propagate(std::span<const Support> in) const {
  if (in[0].kind != Support::none && in[1].kind != Support::none) return {Support::dense, 0};
  if (in[0].kind != Support::none) return in[0];
  return {in[1].kind, in[1].kind == Support::one ? in[1].shift + input_shape(0).c : 0};
}

double Concat::cost(std::span<const Support> in) const {
  return 1.0 * propagate(in).channels(output_shape().c) * output_shape().plane();
}

template <class T>
void Concat::run(const Pass<T>& pass) const {
  T* out = pass.output;
  for (int n = 0; n < pass.count; ++n)
    for (std::size_t k = 0; k < 2; ++k) {
      const auto size = static_cast<std::size_t>(input_shape(k).size());
      out = std::copy_n(pass.inputs[k] + static_cast<std::size_t>(n) * size, size, out);
    }
}

void Concat::forward(const Pass<float>& pass) const { run(pass); }
void Concat::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
