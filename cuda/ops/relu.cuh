// ReLU and its difference rule (engine/rules/relu.h).
#pragma once

#include "cuda/elements.cuh"
#include "engine/rules/relu.h"

namespace deepzero::cuda {
namespace {

/// y = max(x, 0); a NaN stays one.
struct ReluForward {
  const float* x;
  float* y;
  __device__ void operator()(const Element& e) const { y[e.at] = x[e.at] < 0 ? 0.0f : x[e.at]; }
};

/// `x` is the base input from the first channel of d on, `stride` its floats per image.
struct ReluDifference {
  const float *d, *x;
  int stride;
  float inverse_mu;
  float* out;
  __device__ void operator()(const Element& e) const {
    const float t = x[static_cast<std::size_t>(e.image) * stride + e.i] * inverse_mu;
    out[e.at] = rules::relu_difference(d[e.at], t);
  }
};

}  // namespace
}  // namespace deepzero::cuda
