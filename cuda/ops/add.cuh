// The residual sum. A branch in one channel adds to that channel alone; one that the perturbation does not reach counts
// 0; one that a batch norm left is normalised here.
#pragma once

#include "cuda/ops/normalised.cuh"
#include "cuda/ops/relu_rule.cuh"

namespace deepzero::cuda {
namespace {

struct AddForward {
  const float *a, *b;
  float* y;
  __device__ void operator()(const Element& e) const { y[e.at] = a[e.at] + b[e.at]; }
};

/// Values of an input at the elements of the output.
template <class T>
struct Branch {
  const T* d;
  Support::Kind kind;
  int shift, plane;  ///< elements of the output before it, where it is one channel
  Normalisation normalised;
  __device__ float at(const Element& e, int count) const {
    if (kind == Support::none) return 0;
    const bool one = kind == Support::one;
    const int i = one ? e.i - shift : e.i;
    if (one && (i < 0 || i >= plane)) return 0;
    const std::size_t image = static_cast<std::size_t>(e.query) * count + e.image;
    const float value = widened(d[one ? image * plane + i : e.at]);
    if (normalised.coefficients == nullptr) return value;
    const float xc = normalised.xc[static_cast<std::size_t>(e.image) * normalised.stride + i];
    return normalised_channel(normalised, e.query, i / plane)(value, xc);
  }
};

template <class T>
struct AddDifference {
  Branch<T> a, b;
  int count;
  ReluRule relu;
  __device__ float operator()(const Element& e) const { return relu(e, a.at(e, count) + b.at(e, count)); }
};

}  // namespace
}  // namespace deepzero::cuda
