// Leaky ReLU on a scaled difference d = Δx/μ, with t = x/μ and 0 ≤ slope ≤ 1. As y = max(x, slope·x), the difference is
// the larger of what either branch comes to, measured from the branch that x lies on.
#pragma once

#include "engine/rules/mark.h"

namespace deepzero::rules {
namespace {

/// x > 0 ? max(d, slope·d − rest) : max(slope·d, d + rest), rest = (1 − slope)·t. Written so that a NaN in d comes out.
DEEPZERO_RULE float leaky_relu_difference(float d, float t, float slope) {
  const float rest = (1.0f - slope) * t, bent = slope * d;
  if (t > 0) return bent - rest > d ? bent - rest : d;
  const float moved = d + rest;
  return bent > moved ? bent : moved;
}

}  // namespace
}  // namespace deepzero::rules
