// The way of a difference from the op whose parameter is perturbed to the network's output: which ops it meets, where
// it lives in each value, and in which stage each op runs. Within a stage a query can be worked off image by image;
// an op that needs sums over the whole batch (batch norm with batch statistics) starts the next stage.
#pragma once

#include <vector>

#include "engine/network.h"

namespace deepzero {

struct Step {
  int op = 0;
  std::vector<Support> in;  ///< per input; empty for the origin, which is seeded
  Support out;
  int stage = 0;
};

struct Route {
  int origin = 0;
  std::vector<Step> steps;       ///< in the network's order, the origin first; only those that lead to the output
  std::vector<Support> support;  ///< per value
  std::vector<int> stage;        ///< per value: the stage that produces it
  std::vector<int> last_stage;   ///< per value: the last stage that reads it
  int stages = 0;
  double cost = 0;  ///< of one query, in multiply-adds per image
  bool reaches_output = false;
};

Route make_route(const Network& network, int op, Statistics statistics);

/// Whether every estimate of this parameter is exactly 0: a bias whose consumers all subtract constants (a conv bias
/// in front of batch norm with batch statistics), or an op that the output does not depend on.
bool vanishes(const Network& network, const ParameterInfo& parameter, Statistics statistics);

/// Work of one query of a parameter, in multiply-adds per image; 0 where it vanishes.
double query_cost(const Network& network, const ParameterInfo& parameter, Statistics statistics);

/// Work of one full pass, in multiply-adds per image.
double pass_cost(const Network& network);

}  // namespace deepzero
