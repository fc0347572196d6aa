#include "cuda/losses/loss.h"

#include "cuda/losses/cross_entropy.cuh"
#include "cuda/losses/squared_error.cuh"
#include "cuda/reduce.cuh"

namespace deepzero::cuda {
namespace {

/// sums[q] = Σ over the images, by one warp in a fixed order. grid: Q.
__global__ void sum_losses(const double* losses, int count, double* sums) {
  double sum = 0;
  for (int n = static_cast<int>(threadIdx.x); n < count; n += kWarp)
    sum += losses[static_cast<std::size_t>(blockIdx.x) * count + n];
  sum = warp_sum(sum);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

}  // namespace

void DeviceLoss::keep(const Stream& stream, const Batch& batch, const float* z) {
  z_ = z;
  if (!has_target(loss_, batch)) return;
  const auto count = static_cast<std::size_t>(batch.count), values = count * static_cast<std::size_t>(k_);
  if (loss_ == Loss::mean_squared_error) {
    targets_.reserve(values);
    stream.to_device(targets_.data(), batch.targets, values);
    return;
  }
  labels_.reserve(count);
  stream.to_device(labels_.data(), batch.labels, count);
  log_probabilities_.reserve(values);
  // Images stand in for queries: one element each.
  launch_elements("log_probabilities", {stream, 1, batch.count, 1}, 1,
                  LogProbabilities{z, k_, log_probabilities_.data()});
}

void DeviceLoss::differences(const Block& block, const float* d, double label_smoothing, double* losses,
                             double* sums) const {
  if (loss_ == Loss::mean_squared_error)
    launch_elements("squared_error_difference", block, 1,
                    SquaredErrorDifference{z_, targets_.data(), d, k_, block.mu, losses});
  else
    launch_elements(
        "cross_entropy_difference", block, 1,
        CrossEntropyDifference{log_probabilities_.data(), d, labels_.data(), k_, label_smoothing, block.mu, losses});
  launch("sum_losses", sum_losses, static_cast<unsigned>(block.queries), kWarp, 0, block.stream,
         static_cast<const double*>(losses), block.count, sums);
}

std::size_t DeviceLoss::bytes() const {
  const auto k = static_cast<std::size_t>(k_);
  return loss_ == Loss::mean_squared_error ? k * sizeof(float) : k * sizeof(double) + sizeof(std::int32_t);
}

}  // namespace deepzero::cuda
