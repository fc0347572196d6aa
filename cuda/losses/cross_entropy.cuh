// The difference of the softmax cross-entropy (engine/rules/cross_entropy.h), in float64: one thread per query and
// image, then one warp per query that sums over the images in a fixed order.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/reduce.cuh"
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

/// sums[q] = Σ over the images. grid: Q.
__global__ void sum_losses(const double* losses, int count, double* sums) {
  double sum = 0;
  for (int n = static_cast<int>(threadIdx.x); n < count; n += kWarp)
    sum += losses[static_cast<std::size_t>(blockIdx.x) * count + n];
  sum = warp_sum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

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
