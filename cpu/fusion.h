// Ops that a batch norm works off in the same pass over memory: the residual sum that its result goes to, and the ReLU
// after it. A step of a route that heads such a chain stands for all of it.
#pragma once

#include "engine/route.h"

namespace deepzero::cpu {

struct Fusion {
  int shortcut = -1;  ///< value of the other branch, where that has a difference
  int relu = -1;      ///< op
  int output = -1;    ///< value of the whole chain
  int last = -1;      ///< its last op; that of the step alone where nothing follows
};

/// The chain that a step of the route heads. An op joins it when it alone reads the value before it, and a sum when
/// the differences of both branches live in the same channels and the other is there already.
Fusion fuse(const Network& network, const Route& route, const Step& step);

/// Whether a value is a batch norm's result that only a ReLU reads. The ReLU is then always part of the norm's chain
/// and has its base value from there, so that the value need not be kept.
bool only_rectified(const Network& network, int value);

}  // namespace deepzero::cpu
