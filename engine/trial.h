// A trial of one backend against another: both estimate the same coordinates and a direction of a network, with made-up
// weights on made-up images, and must agree. For a backend that is taken only where it computes what it should.
#pragma once

#include <memory>
#include <string>

#include "engine/backend.h"

namespace deepzero {

/// Largest relative deviation, in the 2-norm, that passes: rounding to float16 and ReLUs that rounding switches stay
/// far below it, a wrong kernel does not.
inline constexpr double kTrialTolerance = 2e-2;

/// Empty when `tried` agrees with `trusted`, else a clause that says by how much it does not, or the error that it
/// ended with.
std::string trial(std::shared_ptr<const Network> network, std::unique_ptr<Backend> tried,
                  std::unique_ptr<Backend> trusted);

}  // namespace deepzero
