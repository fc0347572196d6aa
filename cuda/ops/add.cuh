// The residual sum. A branch in one channel adds to that channel alone; one that the perturbation does not reach counts
// 0; one that a batch norm left is normalised here.
#pragma once

#include "cuda/ops/normalised.cuh"
#include "cuda/ops/relu_rule.cuh"
#include "cuda/reduce.cuh"
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

  /// Eight neighbours in a channel: what all queries share.
  struct Shared {
    bool adds = false, waits = false, relu = false;
    int i = 0, channel = 0;  ///< in the branch
    float xc[kVector] = {};
    float scale = 0, shift = 0;
  };
  __device__ Shared load_shared(int image, int i, int out_channel) const {
    Shared s;
    const bool one = kind == Support::one;
    s.i = one ? i - shift : i;
    s.adds = kind != Support::none && !(one && (s.i < 0 || s.i >= plane));
    s.waits = s.adds && normalised.coefficients != nullptr;
    if (!s.waits) return s;
    s.channel = one ? 0 : out_channel;
    load_vector(normalised.xc + static_cast<std::size_t>(image) * normalised.stride + s.i, s.xc);
    s.relu = normalised.affine != nullptr;
    if (!s.relu) return s;
    const auto affine = reinterpret_cast<const float2*>(normalised.affine)[s.channel];
    s.scale = affine.x * normalised.inverse_mu, s.shift = affine.y * normalised.inverse_mu;
    return s;
  }
  /// Of a query, as they are read.
  struct Values {
    std::uint32_t words[kVector / 2] = {};
    float4 k = {};
  };
  /// `image`: counted over all queries; `size`: of an image of the output.
  __device__ Values load(const Shared& s, int query, std::size_t image, int size) const {
    Values v;
    if (!s.adds) return v;
    load_vector(d + image * (kind == Support::one ? plane : size) + s.i, v.words);
    if (s.waits)
      v.k = reinterpret_cast<const float4*>(
          normalised.coefficients)[static_cast<std::size_t>(query) * normalised.channels + s.channel];
    return v;
  }
  __device__ void add(const Shared& s, const Values& v, float (&y)[kVector]) const {
    const NormalisedChannel rule{v.k.x, v.k.y, v.k.z, s.relu, s.scale, s.shift};
    if (s.waits) {
      DEEPZERO_UNROLL
      for (int e = 0; e < kVector; ++e) y[e] += rule(widened(unpack<T>(v.words[e / 2], e % 2)), s.xc[e]);
    } else {
      DEEPZERO_UNROLL
      for (int e = 0; e < kVector; ++e) y[e] += widened(unpack<T>(v.words[e / 2], e % 2));
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

/// Queries of a thread, which reads base features once for them, and how many at a time.
constexpr int kAddQueries = 8, kAddTogether = 2;
constexpr int kAddThreads = 256;
constexpr std::size_t kAddShared = sizeof(unsigned) * kAddQueries * kAddThreads / kWarp;

/// The same of differences of two bytes whose planes are vectors, to a dense one; `grid` counts vectors and groups of
/// kAddQueries queries, `plane` vectors of a channel. Shared: kAddShared bytes.
template <class T>
__global__ void __launch_bounds__(kAddThreads, 3)
    add_vectors(AddDifference<T> sum, Destination<T> out, ElementGrid grid, int queries, int plane) {
  const int vector = grid.tile() * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x);
  const int first = grid.query() * kAddQueries, n = static_cast<int>(blockIdx.x) / grid.queries / grid.tiles;
  const bool inside = vector < grid.size, relu = sum.relu.x != nullptr;
  const int i = (inside ? vector : 0) * kVector, size = grid.size * kVector, channel = (inside ? vector : 0) / plane;
  const auto a = sum.a.load_shared(n, i, channel), b = sum.b.load_shared(n, i, channel);
  float x[kVector] = {};
  if (relu) load_vector(sum.relu.x + static_cast<std::size_t>(n) * sum.relu.stride + i, x);
  for (float& t : x) t *= sum.relu.inverse_mu;
  const int last = first + kAddQueries < queries ? first + kAddQueries : queries;
  auto* const kept = shared_memory<unsigned>() + threadIdx.x / kWarp;
  const int warps = static_cast<int>(blockDim.x) / kWarp;
  DEEPZERO_NO_UNROLL
  for (int query = first; query < last; query += kAddTogether) {
    typename Branch<T>::Values of_a[kAddTogether], of_b[kAddTogether];
    DEEPZERO_UNROLL
    for (int k = 0; k < kAddTogether; ++k) {
      const int q = query + k < last ? query + k : last - 1;
      const std::size_t image = static_cast<std::size_t>(q) * sum.count + n;
      of_a[k] = sum.a.load(a, q, image, size), of_b[k] = sum.b.load(b, q, image, size);
    }
    DEEPZERO_UNROLL
    for (int k = 0; k < kAddTogether; ++k) {
      float y[kVector] = {};
      sum.a.add(a, of_a[k], y);
      sum.b.add(b, of_b[k], y);
      if (relu) {
        DEEPZERO_UNROLL
        for (int e = 0; e < kVector; ++e) y[e] = short_relu_difference(y[e], x[e]);
      }
      Writer<T> writer(out);
      if (inside && query + k < last)
        writer.put_vector((static_cast<std::size_t>(query + k) * sum.count + n) * size + i, y);
      if constexpr (Largest<T>::kKept) {
        const unsigned all = writer.largest().of_warp();
        if (threadIdx.x % kWarp == 0) kept[(query + k - first) * warps] = all;
      }
    }
  }
  if constexpr (Largest<T>::kKept) keep_of_block<kAddQueries>(out.largest, first, last);
}

}  // namespace
}  // namespace deepzero::cuda
