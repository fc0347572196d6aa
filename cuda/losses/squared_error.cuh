// The difference of the squared error (engine/rules/squared_error.h), in float64: one thread per query and image.
#pragma once

#include "cuda/elements.cuh"
#include "engine/rules/squared_error.h"

namespace deepzero::cuda {
namespace {

/// Δℓ of one image: d holds Δz/μ.
struct SquaredErrorDifference {
  const float *z, *targets;  ///< [N][K]
  const float* d;            ///< [Q][N][K]
  int outputs;
  double mu;
  double* losses;  ///< [Q][N]
  __device__ void operator()(const Element& e) const {
    const std::size_t first = static_cast<std::size_t>(e.image) * outputs;
    losses[e.at] = rules::squared_error_difference(z + first, targets + first, d + e.at * outputs, outputs, mu);
  }
};

}  // namespace
}  // namespace deepzero::cuda
