// The loss on the device: what its difference reads of a batch's base pass, and the sums of differences over the batch.
#pragma once

#include <cstdint>

#include "cuda/memory.h"
#include "cuda/op.h"
#include "engine/loss.h"

namespace deepzero::cuda {

class DeviceLoss {
 public:
  DeviceLoss(Loss loss, int outputs) : loss_(loss), k_(outputs) {}

  /// Of outputs z[N][K], which stay where they are. A batch without a target keeps nothing.
  void keep(const Stream& stream, const Batch& batch, const float* z);
  /// sums[q] = Σ over the images of Δℓ, from d[Q][N][K]; `losses` holds Q·N.
  void differences(const Block& block, const float* d, double label_smoothing, double* losses, double* sums) const;
  /// Bytes that keep() takes per image.
  std::size_t bytes() const;

 private:
  Loss loss_;
  int k_;
  const float* z_ = nullptr;
  DeviceBuffer<std::int32_t> labels_;       // [N]
  DeviceBuffer<double> log_probabilities_;  // [N][K]
  DeviceBuffer<float> targets_;             // [N][K]
};

}  // namespace deepzero::cuda
