#include "engine/ops/conv2d.h"

#include <algorithm>

#include "engine/attributes.h"

namespace deepzero {

Conv2d::Conv2d(const OpSpec& spec) : Op(spec) {
  Attributes attributes(spec);
  out_channels = attributes.integer("out", 1);
  const auto kernel = attributes.pair("kernel", 1);
  const auto stride = attributes.pair("stride", 1);
  const auto padding = attributes.pair("padding", 0);
  has_bias = attributes.flag("bias");
  attributes.finish();
  kernel_h = kernel[0], kernel_w = kernel[1];
  stride_h = stride[0], stride_w = stride[1];
  pad_h = padding[0], pad_w = padding[1];
}

Shape Conv2d::infer(std::span<const Shape> inputs) {
  const Shape& x = inputs[0];
  if (x.h + 2 * pad_h < kernel_h || x.w + 2 * pad_w < kernel_w)
    shape_error("expected an input of at least the kernel's " + std::to_string(kernel_h) + "×" +
                std::to_string(kernel_w) + " with padding, received " + std::to_string(x.h) + "×" +
                std::to_string(x.w));
  if (pad_h >= kernel_h || pad_w >= kernel_w) shape_error("expected padding below the kernel's size");
  return {out_channels, (x.h + 2 * pad_h - kernel_h) / stride_h + 1, (x.w + 2 * pad_w - kernel_w) / stride_w + 1};
}

std::vector<ParameterInfo> Conv2d::parameters() const {
  std::vector<ParameterInfo> list{
      {.name = name() + ".weight", .shape = {out_channels, input_shape().c, kernel_h, kernel_w}, .role = 0}};
  if (has_bias) list.push_back({.name = name() + ".bias", .shape = {out_channels}, .role = 1});
  return list;
}

Support Conv2d::propagate(std::span<const Support> in) const {
  return {in[0].kind == Support::none ? Support::none : Support::dense, 0};
}

double Conv2d::cost(std::span<const Support> in) const {
  return 1.0 * in[0].channels(input_shape().c) * kernel_h * kernel_w * output_shape().size();
}

template <class T>
void Conv2d::run(const Pass<T>& pass) const {
  const Shape &in = input_shape(), &out = output_shape();
  for (int n = 0; n < pass.count; ++n) {
    for (int co = 0; co < out.c; ++co) {
      T* y = pass.output + (static_cast<std::size_t>(n) * out.c + co) * out.plane();
      std::fill_n(y, out.plane(), pass.bias != nullptr ? pass.bias[co] : T(0));
      for (int ci = 0; ci < in.c; ++ci) {
        const T* x = pass.inputs[0] + (static_cast<std::size_t>(n) * in.c + ci) * in.plane();
        for (int kh = 0; kh < kernel_h; ++kh) {
          for (int kw = 0; kw < kernel_w; ++kw) {
            const T w = pass.weight[((static_cast<std::size_t>(co) * in.c + ci) * kernel_h + kh) * kernel_w + kw];
            // Output columns whose input column j·stride + kw − pad lies inside.
            const int first = std::max(0, (pad_w - kw + stride_w - 1) / stride_w);
            const int reach = in.w - 1 + pad_w - kw;
            const int last = reach < 0 ? -1 : std::min(out.w - 1, reach / stride_w);
            for (int i = 0; i < out.h; ++i) {
              const int row = i * stride_h + kh - pad_h;
              if (row < 0 || row >= in.h) continue;
              const T* source = x + static_cast<std::ptrdiff_t>(row) * in.w + kw - pad_w;
              T* target = y + static_cast<std::ptrdiff_t>(i) * out.w;
              for (int j = first; j <= last; ++j) target[j] += w * source[j * stride_w];
            }
          }
        }
      }
    }
  }
}

void Conv2d::forward(const Pass<float>& pass) const { run(pass); }
void Conv2d::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
