#include "engine/ops/pooling.h"

#include "engine/attributes.h"

namespace deepzero {

Pooling::Pooling(const OpSpec& spec) : Op(spec) {
  Attributes attributes(spec);
  const auto kernel = attributes.pair("kernel", 1);
  const auto stride = attributes.pair("stride", 1);
  const auto padding = attributes.pair("padding", 0);
  attributes.finish();
  kernel_h = kernel[0], kernel_w = kernel[1];
  stride_h = stride[0], stride_w = stride[1];
  pad_h = padding[0], pad_w = padding[1];
}

Shape Pooling::infer(std::span<const Shape> inputs) {
  const Shape& x = inputs[0];
  if (2 * pad_h > kernel_h || 2 * pad_w > kernel_w) shape_error("expected padding of at most half the kernel");
  if (x.h + 2 * pad_h < kernel_h || x.w + 2 * pad_w < kernel_w)
    shape_error("expected an input of at least " + std::to_string(kernel_h) + "×" + std::to_string(kernel_w) +
                " with padding, received " + std::to_string(x.h) + "×" + std::to_string(x.w));
  return {x.c, (x.h + 2 * pad_h - kernel_h) / stride_h + 1, (x.w + 2 * pad_w - kernel_w) / stride_w + 1};
}

}  // namespace deepzero
