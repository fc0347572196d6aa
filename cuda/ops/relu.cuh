// ReLU and its difference.
#pragma once

#include "cuda/ops/relu_rule.cuh"

namespace deepzero::cuda {
namespace {

/// y = max(x, 0); a NaN stays one.
struct ReluForward {
  const float* x;
  float* y;
  __device__ void operator()(const Element& e) const { y[e.at] = x[e.at] < 0 ? 0.0f : x[e.at]; }
};

struct ReluDifference {
  const float* d;
  ReluRule rule;
  float* out;
  __device__ void operator()(const Element& e) const { out[e.at] = rule(e, d[e.at]); }
};

}  // namespace
}  // namespace deepzero::cuda
