// The difference of the softmax cross-entropy (engine/rules/cross_entropy.h), in float64: one thread per query and
// image.
#pragma once

#include "cuda/elements.cuh"
#include "engine/rules/cross_entropy.h"

namespace deepzero::cuda {
namespace {

/// Δℓ of one image: d holds Δz/μ.
struct CrossEntropyDifference {
  const double* log_probabilities;  ///< [N][K]
  const float* d;                   ///< [Q][N][K]
  const std::int32_t* labels;       ///< [N]
  int outputs;
  double label_smoothing, mu;
  double* losses;  ///< [Q][N]
  __device__ void operator()(const Element& e) const {
    losses[e.at] = rules::cross_entropy_difference(log_probabilities + static_cast<std::size_t>(e.image) * outputs,
                                                   d + e.at * outputs, outputs, labels[e.image], label_smoothing, mu);
  }
};

/// log_softmax of each image's base outputs.
struct LogProbabilities {
  const float* z;
  int outputs;
  double* lp;
  __device__ void operator()(const Element& e) const {
    rules::log_softmax(z + e.at * outputs, outputs, lp + e.at * outputs);
  }
};

}  // namespace
}  // namespace deepzero::cuda
