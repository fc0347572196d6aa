// The loss behind the outputs of a network, the mean over a batch of each image's, in float64: softmax cross-entropy of
// labels (engine/rules/cross_entropy.h), or the squared error to targets (engine/rules/squared_error.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/batch.h"

namespace deepzero {

enum class Loss { cross_entropy, mean_squared_error };

/// "crossEntropy", "meanSquaredError".
const char* loss_name(Loss loss);
/// Throws ERR_NETWORK for an unknown name.
Loss loss_of_name(const std::string& name);

/// Whether the batch has what the loss compares with.
bool has_target(Loss loss, const Batch& batch);

/// Mean over the batch, which has a target, of outputs [N][K] in float32 or float64.
template <class T>
double mean_loss(Loss loss, const std::vector<T>& outputs, const Batch& batch, int k, double label_smoothing);

/// What a backend keeps of the base pass, to tell how the loss moves with the outputs.
class BaseLoss {
 public:
  /// Of outputs [N][K]; copies what it needs.
  void keep(Loss loss, const Batch& batch, std::span<const float> outputs);
  /// Δℓ of an image for output differences Δz = mu·d, [K].
  double difference(int image, const float* d, double label_smoothing, double mu) const;

 private:
  Loss loss_ = Loss::cross_entropy;
  int k_ = 0;
  std::vector<std::int32_t> labels_;
  std::vector<double> log_probabilities_;  ///< [N][K]
  std::vector<float> outputs_, targets_;   ///< [N][K]
};

}  // namespace deepzero
