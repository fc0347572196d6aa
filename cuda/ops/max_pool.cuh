// Max-pooling and its difference rule (engine/rules/max_pool.h). Outside the image counts as −∞ and is skipped; a NaN
// wins.
#pragma once

#include "cuda/ops/pool_window.cuh"
#include "engine/rules/max_pool.h"

namespace deepzero::cuda {
namespace {

/// The largest value(index into the input plane) over the window of output pixel `i` of a plane.
template <class Value>
__device__ float largest(const PoolGeometry& g, int i, const Value& value) {
  float best = -INFINITY;
  g.window(i, [&](int k) {
    const float candidate = value(k);
    if (!(candidate <= best)) best = best != best ? best : candidate;
  });
  return best;
}

struct MaxPoolForward {
  PoolGeometry g;
  const float* x;
  float* y;
  __device__ void operator()(const Element& e) const {
    const int plane = g.out_h * g.out_w;
    const float* from = x + e.at / plane * (g.in_h * g.in_w);
    y[e.at] = largest(g, e.i % plane, [&](int k) { return from[k]; });
  }
};

/// `x` and `y` are the base values from the first channel of d on; per image they have in_floats and out_floats.
template <class T>
struct MaxPoolDifference {
  PoolGeometry g;
  const T* d;
  const float *x, *y;
  int in_floats, out_floats;
  float inverse_mu;
  __device__ float operator()(const Element& e) const {
    const int plane = g.out_h * g.out_w, in_plane = g.in_h * g.in_w;
    const T* moved = d + e.at / plane * in_plane;
    const float* base = x + static_cast<std::size_t>(e.image) * in_floats + e.i / plane * in_plane;
    const float maximum = y[static_cast<std::size_t>(e.image) * out_floats + e.i];
    return largest(g, e.i % plane,
                   [&](int k) { return rules::max_pool_candidate(widened(moved[k]), base[k], maximum, inverse_mu); });
  }
};

}  // namespace
}  // namespace deepzero::cuda
