// The lists that a sparse convolution kernel works off: of each output channel, the weights that are not zero.
#pragma once

#include <vector>

#include "cpu/conv2d/kernel.h"

namespace deepzero::cpu {

class SparseLists {
 public:
  /// Replaces the lists by those of weights[Co][Ci][kh][kw], where output channels lie `step` floats apart: more than
  /// Ci·kh·kw when these are a part of the input channels only.
  void assign(const ConvGeometry& g, const ConvKernels& kernels, const float* weights, std::size_t step);
  SparseWeights view() const { return {first_.data(), taps_.data()}; }

 private:
  std::vector<std::uint32_t> first_;
  std::vector<SparseTap> taps_;
};

}  // namespace deepzero::cpu
