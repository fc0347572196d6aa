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

/// Values of a view at the elements of an output that starts at channel `first`.
template <class T>
struct Branch {
  View view;
  int first, plane;
  __device__ float at(const Element& e, int count) const {
    if (view.kind == Support::none) return 0;
    const bool one = view.kind == Support::one;
    const int i = one ? e.i - (view.channel - first) * plane : e.i;  // in the view
    if (one && (i < 0 || i >= plane)) return 0;
    const std::size_t image = static_cast<std::size_t>(e.query) * count + e.image;
    const float d = widened(view.as<T>()[one ? image * plane + i : e.at]);
    const Normalisation& n = view.normalised;
    if (n.coefficients == nullptr) return d;
    return normalised_channel(n, e.query, i / plane)(d, n.xc[static_cast<std::size_t>(e.image) * n.stride + i]);
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
