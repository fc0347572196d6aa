// Max-pooling on scaled differences d = Δx/μ.
#pragma once

#include "engine/rules/mark.h"

namespace deepzero::rules {
namespace {

/// What element k of a window stands for after the perturbation, measured from the base maximum: the difference of the
/// maximum is the largest of these. x + Δx is never formed, or near ties would lose everything at small μ.
DEEPZERO_RULE float max_pool_candidate(float d, float x, float maximum, float inverse_mu) {
  return (x - maximum) * inverse_mu + d;
}

}  // namespace
}  // namespace deepzero::rules
