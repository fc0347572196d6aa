// The ReLU's difference rule (engine/rules/relu.h) on elements of a difference: as an op of its own, or applied by the
// op before it to what it computes.
#pragma once

#include "cuda/elements.cuh"
#include "engine/rules/relu.h"

namespace deepzero::cuda {
namespace {

struct ReluRule {
  const float* x;  ///< base input from the first channel of the difference on; null: nothing is done
  int stride;      ///< floats of x per image
  float inverse_mu;
  __device__ float operator()(const Element& e, float d) const {
    return x == nullptr ? d
                        : rules::relu_difference(d, x[static_cast<std::size_t>(e.image) * stride + e.i] * inverse_mu);
  }
};

/// Of a call's difference, which starts at channel `first`.
inline ReluRule applied_rule(const DifferenceCall& call, const Shape& shape, int first) {
  return {call.relu.x == nullptr ? nullptr : call.relu.x + first * shape.plane(), shape.size(),
          call.block.inverse_mu()};
}

}  // namespace
}  // namespace deepzero::cuda
