// Softmax cross-entropy of one image over K classes, and its difference, in float64. The targets are
// t = (1 − s)·onehot(y) + s/K for a label y and label smoothing s in [0, 1), as PyTorch defines it (Szegedy et al.,
// "Rethinking the Inception architecture", 2016, section 7).
#pragma once

#include <cmath>

#include "engine/rules/mark.h"

namespace deepzero::rules {
namespace {

/// lp = log_softmax(z).
template <class T>
DEEPZERO_RULE void log_softmax(const T* z, int k, double* lp) {
  double most = static_cast<double>(z[0]);
  for (int j = 1; j < k; ++j)
    if (z[j] > most) most = static_cast<double>(z[j]);
  double sum = 0;
  for (int j = 0; j < k; ++j) sum += std::exp(static_cast<double>(z[j]) - most);
  const double log_sum = most + std::log(sum);
  for (int j = 0; j < k; ++j) lp[j] = static_cast<double>(z[j]) - log_sum;
}

/// Σ_j t_j·v_j, measured from v_y, so that what all v have in common costs no digits; v_y itself for s = 0.
template <class T>
DEEPZERO_RULE double target_mean(const T* v, int k, int y, double smoothing) {
  const double at_label = static_cast<double>(v[y]);
  if (smoothing == 0) return at_label;
  double sum = 0;
  for (int j = 0; j < k; ++j) sum += static_cast<double>(v[j]) - at_label;
  return at_label + smoothing / k * sum;
}

/// ℓ = −Σ_j t_j·lp_j.
DEEPZERO_RULE double cross_entropy(const double* lp, int k, int y, double smoothing) {
  return -target_mean(lp, k, y, smoothing);
}

/// Δℓ for output differences Δz = μ·d: with e_j = Δz_j − Σ_i t_i·Δz_i and S = Σ_j exp(lp_j)·expm1(e_j), log1p(S) where
/// it keeps its digits, else the log-sum-exp of lp + e.
DEEPZERO_RULE double cross_entropy_difference(const double* lp, const float* d, int k, int y, double smoothing,
                                              double mu) {
  const double centre = target_mean(d, k, y, smoothing);
  double sum = 0, most = 0;
  for (int j = 0; j < k; ++j) {
    const double e = mu * (static_cast<double>(d[j]) - centre);
    if (!(e <= most)) most = e;
    sum += std::exp(lp[j]) * std::expm1(e);
  }
  if (most <= 1 && sum > -0.5) return std::log1p(sum);
  double peak = lp[y] + mu * (static_cast<double>(d[y]) - centre);
  for (int j = 0; j < k; ++j) {
    const double moved = lp[j] + mu * (static_cast<double>(d[j]) - centre);
    if (!(moved <= peak)) peak = moved;
  }
  double total = 0;
  for (int j = 0; j < k; ++j) total += std::exp(lp[j] + mu * (static_cast<double>(d[j]) - centre) - peak);
  return peak + std::log(total);
}

}  // namespace
}  // namespace deepzero::rules
