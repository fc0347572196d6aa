// What pooling ops share: a window that slides over each channel, its attributes and the shape it gives.
#pragma once

#include "engine/op.h"

namespace deepzero {

class Pooling : public Op {
 public:
  int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;

  Shape infer(std::span<const Shape> inputs) override;

 protected:
  explicit Pooling(const OpSpec& spec);
};

}  // namespace deepzero
