// ReLU on a scaled difference d = Δx/μ, with t = x/μ.
#pragma once

#include "engine/rules/mark.h"

namespace deepzero::rules {
namespace {

/// x > 0 ? max(d, −t) : max(0, t + d). Written so that a NaN in d comes out.
DEEPZERO_RULE float relu_difference(float d, float t) {
  if (t > 0) return -t > d ? -t : d;
  const float moved = t + d;
  return 0.0f > moved ? 0.0f : moved;
}

}  // namespace
}  // namespace deepzero::rules
