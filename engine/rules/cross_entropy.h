// Softmax cross-entropy of one image with label y over K classes, and its difference, in float64.
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

/// Δℓ for output differences Δz = μ·d: with e_j = Δz_j − Δz_y and S = Σ_{j≠y} exp(lp_j)·expm1(e_j), log1p(S) where it
/// keeps its digits, else the log-sum-exp of lp + e.
DEEPZERO_RULE double cross_entropy_difference(const double* lp, const float* d, int k, int y, double mu) {
  double sum = 0, most = 0;
  for (int j = 0; j < k; ++j) {
    const double e = mu * (static_cast<double>(d[j]) - static_cast<double>(d[y]));
    if (!(e <= most)) most = e;
    sum += std::exp(lp[j]) * std::expm1(e);
  }
  if (most <= 1 && sum > -0.5) return std::log1p(sum);
  double peak = lp[y];
  for (int j = 0; j < k; ++j) {
    const double moved = lp[j] + mu * (static_cast<double>(d[j]) - static_cast<double>(d[y]));
    if (!(moved <= peak)) peak = moved;
  }
  double total = 0;
  for (int j = 0; j < k; ++j)
    total += std::exp(lp[j] + mu * (static_cast<double>(d[j]) - static_cast<double>(d[y])) - peak);
  return peak + std::log(total);
}

}  // namespace
}  // namespace deepzero::rules
