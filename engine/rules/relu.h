// ReLU on a scaled difference d = Δx/μ, with t = x/μ.
#pragma once

#include "engine/rules/mark.h"

namespace deepzero::rules {
namespace {

/// x > 0 ? max(d, −t) : max(0, t + d). Written so that a NaN in d comes out.
DEEPZERO_RULE float relu_difference(float d, float t) {
  const float kept = -t > d ? -t : d, moved = t + d, passed = 0.0f > moved ? 0.0f : moved;
  return t > 0 ? kept : passed;
}

}  // namespace
}  // namespace deepzero::rules
