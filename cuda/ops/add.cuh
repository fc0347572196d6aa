// The residual sum. A branch in one channel adds to that channel alone; one that the perturbation does not reach counts
// 0; one that a batch norm left is normalised here.
#pragma once

#include "cuda/ops/normalised.cuh"
#include "cuda/ops/relu_rule.cuh"
#include "cuda/vectors.cuh"

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

  /// Eight neighbours in a channel, as they are read; all 0 where the branch adds nothing.
  struct Values {
    std::uint32_t words[kVector / 2] = {};
    float xc[kVector] = {};
    NormalisedChannel rule = {};
  };
  __device__ Values load(const Element& e, int channel, int count) const {
    Values v;
    const bool one = kind == Support::one;
    const int i = one ? e.i - shift : e.i;
    if (kind == Support::none || (one && (i < 0 || i >= plane))) return v;
    const std::size_t image = static_cast<std::size_t>(e.query) * count + e.image;
    load_vector(d + (one ? image * plane + i : e.at), v.words);
    if (normalised.coefficients == nullptr) return v;
    v.rule = normalised_channel(normalised, e.query, one ? 0 : channel);
    load_vector(normalised.xc + static_cast<std::size_t>(e.image) * normalised.stride + i, v.xc);
    return v;
  }
  __device__ void add(const Values& v, float (&y)[kVector]) const {
    for (int i = 0; i < kVector; ++i) {
      const float value = widened(unpack<T>(v.words[i / 2], i % 2));
      y[i] += normalised.coefficients != nullptr ? v.rule(value, v.xc[i]) : value;
    }
  }
};

template <class T>
struct AddDifference {
  Branch<T> a, b;
  int count;
  ReluRule relu;
  __device__ float operator()(const Element& e) const { return relu(e, a.at(e, count) + b.at(e, count)); }
};

/// The same of differences of two bytes whose planes are vectors, to a dense one; `grid` counts vectors, `plane` those
/// of a channel.
template <class T>
__global__ void add_vectors(AddDifference<T> sum, Destination<T> out, ElementGrid grid, int plane) {
  const int vector = grid.tile() * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x);
  Writer<T> writer(out);
  if (vector < grid.size) {
    Element e = grid.element(vector);
    e.at *= kVector, e.i *= kVector;
    const int channel = vector / plane;
    const auto a = sum.a.load(e, channel, sum.count), b = sum.b.load(e, channel, sum.count);
    float x[kVector];
    if (sum.relu.x != nullptr) load_vector(sum.relu.x + static_cast<std::size_t>(e.image) * sum.relu.stride + e.i, x);
    float y[kVector] = {};
    sum.a.add(a, y);
    sum.b.add(b, y);
    if (sum.relu.x != nullptr)
      for (int i = 0; i < kVector; ++i) y[i] = short_relu_difference(y[i], x[i] * sum.relu.inverse_mu);
    writer.put_vector(e.at, y);
  }
  writer.finish(grid.query());
}

}  // namespace
}  // namespace deepzero::cuda
