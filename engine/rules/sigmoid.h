// Sigmoid and tanh on a scaled difference d = Δx/μ, for any x and Δx, without subtracting two values of the function.
// From σ(x + h) − σ(x) = sinh(h/2) / (2·cosh((x + h)/2)·cosh(x/2)), with h = Δx, e = exp(−|x|), E = exp(−|x + h|):
//
//   σ(x + h) − σ(x) = sign(h)·(1 − exp(−|h|))·m / ((1 + e)·(1 + E))
//   m = exp((|h| − |x| − |x + h|)/2) = max(e, E) where x and x + h have one sign, else 1
//   tanh(x + h) − tanh(x) = 2·(σ(2x + 2h) − σ(2x))
//
// All exponents are at most 0, so nothing overflows. Divided by μ, sign(h)·(1 − exp(−|h|)) is d·(1 − exp(−z))/z with
// z = |h|, which is of the size of d however small μ is.
#pragma once

#include <cmath>

#include "engine/rules/mark.h"

namespace deepzero::rules {
namespace {

/// (1 − exp(−z))/z for z ≥ 0; 1 at 0.
DEEPZERO_RULE float mean_decay(float z) { return z > 0 ? -std::expm1(-z) / z : 1.0f; }

/// (σ(x + μ·d) − σ(x))/μ; a NaN in d comes out.
DEEPZERO_RULE float sigmoid_difference(float d, float x, float mu) {
  const float h = mu * d, moved = x + h;
  const float before = std::exp(-std::fabs(x)), after = std::exp(-std::fabs(moved));
  const float larger = before > after ? before : after;
  const float m = (x > 0) == (moved > 0) ? larger : 1.0f;
  return d * mean_decay(std::fabs(h)) * m / ((1.0f + before) * (1.0f + after));
}

/// (tanh(x + μ·d) − tanh(x))/μ.
DEEPZERO_RULE float tanh_difference(float d, float x, float mu) {
  return 2.0f * sigmoid_difference(2.0f * d, 2.0f * x, mu);
}

}  // namespace
}  // namespace deepzero::rules
