// The difference behind a batch norm, and behind its ReLU, formed where it is read: relu_rule(A·d + B·xc + C). The
// ReLU's base input is the batch norm's base output s·xc + t. It enters divided by μ, in one operation: the rule is
// continuous in it, so that a last bit is as good as another.
#pragma once

#include "cuda/launch.cuh"
#include "cuda/op.h"
#include "cuda/stored.cuh"

namespace deepzero::cuda {
namespace {

/// Of a query and channel, A, B, C and one more, so that a thread reads them at once.
constexpr int kCoefficients = 4;

/// As rules::relu_difference(), in three operations that round alike: max(d, −t) + min(t, 0).
__device__ inline float short_relu_difference(float d, float t) { return larger(d, -t) + fminf(t, 0.0f); }

/// One channel of a query.
struct NormalisedChannel {
  float a, b, c;
  bool relu;
  float scale, shift;  ///< of the ReLU's base input over μ

  __device__ float operator()(float d, float xc) const {
    const float y = fmaf(a, d, fmaf(b, xc, c));
    return relu ? short_relu_difference(y, fmaf(scale, xc, shift)) : y;
  }
};

/// `channel` counts from the view's first one.
__device__ inline NormalisedChannel normalised_channel(const Normalisation& n, int query, int channel) {
  const auto k =
      reinterpret_cast<const float4*>(n.coefficients)[static_cast<std::size_t>(query) * n.channels + channel];
  NormalisedChannel result{k.x, k.y, k.z, n.affine != nullptr, 0, 0};
  if (!result.relu) return result;
  const auto affine = reinterpret_cast<const float2*>(n.affine)[channel];
  result.scale = affine.x * n.inverse_mu, result.shift = affine.y * n.inverse_mu;
  return result;
}

}  // namespace
}  // namespace deepzero::cuda
