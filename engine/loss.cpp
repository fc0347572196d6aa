#include "engine/loss.h"

#include "engine/error.h"
#include "engine/index.h"
#include "engine/rules/cross_entropy.h"
#include "engine/rules/squared_error.h"

namespace deepzero {

const char* loss_name(Loss loss) { return loss == Loss::cross_entropy ? "crossEntropy" : "meanSquaredError"; }

Loss loss_of_name(const std::string& name) {
  for (const Loss loss : {Loss::cross_entropy, Loss::mean_squared_error})
    if (name == loss_name(loss)) return loss;
  throw Error("ERR_NETWORK", "unknown loss '" + name + "'; expected crossEntropy or meanSquaredError");
}

bool has_target(Loss loss, const Batch& batch) {
  return loss == Loss::cross_entropy ? batch.labels != nullptr : batch.targets != nullptr;
}

template <class T>
double mean_loss(Loss loss, const std::vector<T>& outputs, const Batch& batch, int k, double label_smoothing) {
  std::vector<double> lp(at(k));
  double sum = 0;
  for (int n = 0; n < batch.count; ++n) {
    const T* z = outputs.data() + at(n) * at(k);
    if (loss == Loss::mean_squared_error) {
      sum += rules::squared_error(z, batch.targets + at(n) * at(k), k);
    } else {
      rules::log_softmax(z, k, lp.data());
      sum += rules::cross_entropy(lp.data(), k, batch.labels[n], label_smoothing);
    }
  }
  return sum / batch.count;
}

template double mean_loss(Loss, const std::vector<float>&, const Batch&, int, double);
template double mean_loss(Loss, const std::vector<double>&, const Batch&, int, double);

void BaseLoss::keep(Loss loss, const Batch& batch, std::span<const float> outputs) {
  loss_ = loss;
  k_ = static_cast<int>(outputs.size() / at(batch.count));
  labels_.clear();
  log_probabilities_.clear();
  outputs_.clear();
  targets_.clear();
  if (!has_target(loss, batch)) return;
  if (loss == Loss::mean_squared_error) {
    outputs_.assign(outputs.begin(), outputs.end());
    targets_.assign(batch.targets, batch.targets + outputs.size());
    return;
  }
  labels_.assign(batch.labels, batch.labels + batch.count);
  log_probabilities_.resize(outputs.size());
  for (std::size_t first = 0; first < outputs.size(); first += at(k_))
    rules::log_softmax(outputs.data() + first, k_, log_probabilities_.data() + first);
}

double BaseLoss::difference(int image, const float* d, double label_smoothing, double mu) const {
  const std::size_t first = at(image) * at(k_);
  if (loss_ == Loss::mean_squared_error)
    return rules::squared_error_difference(outputs_.data() + first, targets_.data() + first, d, k_, mu);
  return rules::cross_entropy_difference(log_probabilities_.data() + first, d, k_, labels_[at(image)], label_smoothing,
                                         mu);
}

}  // namespace deepzero
