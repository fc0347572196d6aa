// Batch norm with batch statistics, one channel, scaled differences d = Δx/μ. Base: xc = x − m as stored,
// a = mean(xc), v = mean(xc²) − a², r = 1/√(v + ε). All in float64; the outcome is three coefficients with
// Δy/μ = A·d + B·xc + C.
//
// A direction moves γ by μ·u_γ and β by μ·u_β as well. With Δx̂/μ = A·d + B·xc + C (the coefficients for γ = 1) and
// x̂ = r·(xc − a),
//
//   Δy/μ = (γ + μ·u_γ)·Δx̂/μ + u_γ·x̂ + u_β
//        = (γ + μ·u_γ)·A·d + ((γ + μ·u_γ)·B + u_γ·r)·xc + (γ + μ·u_γ)·C − u_γ·r·a + u_β.
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

/// `normalised` are the coefficients of Δx̂/μ: those for γ = 1, {r, 0, 0} with running statistics (where a = 0), and
/// zeros where the input has no difference.
DEEPZERO_RULE BatchNormCoefficients batch_norm_moved(const BatchNormBase& base, const BatchNormCoefficients& normalised,
                                                     double gamma, double u_gamma, double u_beta, double mu) {
  const double moved = gamma + mu * u_gamma;
  return {moved * normalised.a, moved * normalised.b + u_gamma * base.r,
          moved * normalised.c - u_gamma * base.r * base.a + u_beta};
}

}  // namespace
}  // namespace deepzero::rules
