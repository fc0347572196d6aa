// Cross-entropy on the device: what of the base outputs its difference reads, and the sums of differences over a batch.
#pragma once

#include <cstdint>

#include "cuda/op.h"

namespace deepzero::cuda {

/// lp[N][K] = log_softmax of z[N][K].
void log_probabilities(const Stream& stream, const float* z, int count, int outputs, double* lp);

struct LossDifference {
  const double* log_probabilities;
  const std::int32_t* labels;
  int outputs;
  double label_smoothing;
};
/// sums[q] = Σ over the images of Δℓ, from d[Q][N][K]; `losses` holds Q·N.
void cross_entropy_differences(const Block& block, const LossDifference& loss, const float* d, double* losses,
                               double* sums);

}  // namespace deepzero::cuda
