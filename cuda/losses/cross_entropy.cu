#include "cuda/losses/cross_entropy.h"

#include "cuda/losses/cross_entropy.cuh"

namespace deepzero::cuda {

void log_probabilities(const Stream& stream, const float* z, int count, int outputs, double* lp) {
  // Images stand in for queries: one element each.
  launch_elements("log_probabilities", {stream, 1, count, 1}, 1, LogProbabilities{z, outputs, lp});
}

void cross_entropy_differences(const Block& block, const LossDifference& loss, const float* d, double* losses,
                               double* sums) {
  launch_elements("cross_entropy_difference", block, 1,
                  CrossEntropyDifference{loss.log_probabilities, d, loss.labels, loss.outputs, loss.label_smoothing,
                                         block.mu, losses});
  launch("sum_losses", sum_losses, static_cast<unsigned>(block.queries), kWarp, 0, block.stream,
         static_cast<const double*>(losses), block.count, sums);
}

}  // namespace deepzero::cuda
