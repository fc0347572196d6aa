// Squared error of one image, the mean over its K outputs, and its difference, in float64.
#pragma once

#include "engine/rules/mark.h"

namespace deepzero::rules {
namespace {

/// ℓ = (1/K)·Σ_j (z_j − t_j)².
template <class T>
DEEPZERO_RULE double squared_error(const T* z, const float* t, int k) {
  double sum = 0;
  for (int j = 0; j < k; ++j) {
    const double error = static_cast<double>(z[j]) - static_cast<double>(t[j]);
    sum += error * error;
  }
  return sum / k;
}

/// Δℓ for output differences Δz = μ·d: (1/K)·Σ_j Δz_j·(2·(z_j − t_j) + Δz_j).
DEEPZERO_RULE double squared_error_difference(const float* z, const float* t, const float* d, int k, double mu) {
  double sum = 0;
  for (int j = 0; j < k; ++j) {
    const double error = static_cast<double>(z[j]) - static_cast<double>(t[j]), scaled = static_cast<double>(d[j]);
    sum += scaled * (2 * error + mu * scaled);
  }
  return mu * (sum / k);
}

}  // namespace
}  // namespace deepzero::rules
