// Max-pooling and its difference rule (engine/rules/max_pool.h). Outside the image counts as −∞ and is skipped; a NaN
// wins.
#pragma once

#include "cuda/elements.cuh"
#include "engine/rules/max_pool.h"

namespace deepzero::cuda {
namespace {

struct PoolGeometry {
  int in_h, in_w, out_h, out_w;
  int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
};

/// The largest value(index into the input plane) over the window of output pixel `i` of a plane.
template <class Value>
__device__ float largest(const PoolGeometry& g, int i, const Value& value) {
  const int top = i / g.out_w * g.stride_h - g.pad_h, left = i % g.out_w * g.stride_w - g.pad_w;
  float best = -INFINITY;
  for (int h = top < 0 ? 0 : top; h < g.in_h && h < top + g.kernel_h; ++h)
    for (int w = left < 0 ? 0 : left; w < g.in_w && w < left + g.kernel_w; ++w) {
      const float candidate = value(h * g.in_w + w);
      if (!(candidate <= best)) best = best != best ? best : candidate;
    }
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
struct MaxPoolDifference {
  PoolGeometry g;
  const float *d, *x, *y;
  int in_floats, out_floats;
  float inverse_mu;
  float* out;
  __device__ void operator()(const Element& e) const {
    const int plane = g.out_h * g.out_w, in_plane = g.in_h * g.in_w;
    const float* moved = d + e.at / plane * in_plane;
    const float* base = x + static_cast<std::size_t>(e.image) * in_floats + e.i / plane * in_plane;
    const float maximum = y[static_cast<std::size_t>(e.image) * out_floats + e.i];
    out[e.at] = largest(g, e.i % plane,
                        [&](int k) { return rules::max_pool_candidate(moved[k], base[k], maximum, inverse_mu); });
  }
};

}  // namespace
}  // namespace deepzero::cuda
