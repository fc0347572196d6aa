// The difference behind a batch norm, and behind its ReLU, formed where it is read: relu_rule(A·d + B·xc + C). The
// ReLU's base input is the batch norm's base output s·xc + t, by the same operations as in the base pass, so that it
// has the same bits.
#pragma once

#include "cuda/launch.cuh"
#include "cuda/op.h"
#include "engine/rules/relu.h"

namespace deepzero::cuda {
namespace {

/// Of a query and channel, A, B, C and one more, so that a thread reads them at once.
constexpr int kCoefficients = 4;

/// One channel of a query.
struct NormalisedChannel {
  float a, b, c;
  bool relu;
  float scale, shift, inverse_mu;  ///< of the ReLU

  __device__ float operator()(float d, float xc) const {
    const float y = fmaf(a, d, fmaf(b, xc, c));
    return relu ? rules::relu_difference(y, (scale * xc + shift) * inverse_mu) : y;
  }
};

/// `channel` counts from the view's first one.
__device__ inline NormalisedChannel normalised_channel(const Normalisation& n, int query, int channel) {
  const auto k =
      reinterpret_cast<const float4*>(n.coefficients)[static_cast<std::size_t>(query) * n.channels + channel];
  NormalisedChannel result{k.x, k.y, k.z, n.affine != nullptr, 0, 0, n.inverse_mu};
  if (!result.relu) return result;
  const auto affine = reinterpret_cast<const float2*>(n.affine)[channel];
  result.scale = affine.x, result.shift = affine.y;
  return result;
}

}  // namespace
}  // namespace deepzero::cuda
