#include "engine/ops/shortcut_a.h"

#include <algorithm>

#include "engine/attributes.h"

namespace deepzero {

ShortcutA::ShortcutA(const OpSpec& spec) : Op(spec) {
  Attributes attributes(spec);
  out_channels = attributes.integer("out", 1);
  stride = attributes.integer("stride", 1);
  attributes.finish();
}

Shape ShortcutA::infer(std::span<const Shape> inputs) {
  const Shape& x = inputs[0];
  if (out_channels < x.c || (out_channels - x.c) % 2 != 0)
    shape_error("expected 'out' to exceed the input's " + std::to_string(x.c) +
                " channels by an even number (zeros go on both sides), received " + std::to_string(out_channels));
  return {out_channels, (x.h + stride - 1) / stride, (x.w + stride - 1) / stride};
}

Support ShortcutA::propagate(std::span<const Support> in) const {
  return {in[0].kind, in[0].kind == Support::one ? in[0].shift + channel_shift() : 0};
}

double ShortcutA::cost(std::span<const Support> in) const {
  return 1.0 * in[0].channels(output_shape().c) * output_shape().plane();
}

template <class T>
void ShortcutA::run(const Pass<T>& pass) const {
  const Shape &in = input_shape(), &out = output_shape();
  std::fill_n(pass.output, static_cast<std::size_t>(pass.count) * out.size(), T(0));
  for (int n = 0; n < pass.count; ++n)
    for (int c = 0; c < in.c; ++c)
      for (int i = 0; i < out.h; ++i)
        for (int j = 0; j < out.w; ++j)
          pass.output[((static_cast<std::size_t>(n) * out.c + c + channel_shift()) * out.h + i) * out.w + j] =
              pass.inputs[0][((static_cast<std::size_t>(n) * in.c + c) * in.h + i * stride) * in.w + j * stride];
}

void ShortcutA::forward(const Pass<float>& pass) const { run(pass); }
void ShortcutA::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
