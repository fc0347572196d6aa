// Batch norm with batch statistics, one channel, scaled differences d = Δx/μ. Base: xc = x − m as stored,
// a = mean(xc), v = mean(xc²) − a², r = 1/√(v + ε). All in float64; the outcome is three coefficients with
// Δy/μ = A·d + B·xc + C.
#pragma once

#include <cmath>

#include "engine/rules/mark.h"

namespace deepzero::rules {
namespace {

struct BatchNormBase {
  double a, v, r, eps;
};

struct BatchNormChange {
  double mean;      ///< δm = mean(d) = Δm/μ
  double relative;  ///< q/μ, where q = Δv/(v + ε) is kept above −v/(v + ε)
};

struct BatchNormCoefficients {
  double a, b, c;
};

/// From the sums Σd, Σxc·d, Σd² over M values.
DEEPZERO_RULE BatchNormChange batch_norm_change(const BatchNormBase& base, double sum_d, double sum_xd, double sum_dd,
                                                double m, double mu) {
  const double mean = sum_d / m;
  const double variance = 2 * (sum_xd / m - base.a * mean) + mu * (sum_dd / m - mean * mean);
  const double whole = base.v + base.eps;
  const double relative = variance / whole, least = -base.v / whole / mu;
  return {mean, relative < least ? least : relative};
}

/// q below −½: the new variance must be computed from x + Δx, the change has no digits left.
DEEPZERO_RULE bool batch_norm_recomputes(const BatchNormChange& change, double mu) {
  return change.relative * mu < -0.5;
}

/// Δr/μ from q; for q ≥ −½.
DEEPZERO_RULE double batch_norm_scale_change(const BatchNormBase& base, const BatchNormChange& change, double mu) {
  const double root = std::sqrt(1 + change.relative * mu);
  return -base.r * change.relative / (root * (1 + root));
}

/// `scale` is Δr/μ.
DEEPZERO_RULE BatchNormCoefficients batch_norm_coefficients(const BatchNormBase& base, double mean, double scale,
                                                            double gamma, double mu) {
  const double moved = base.r + mu * scale;
  return {gamma * moved, gamma * scale, -gamma * (mean * moved + base.a * scale)};
}

}  // namespace
}  // namespace deepzero::rules
