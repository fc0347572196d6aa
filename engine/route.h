// The way of a difference from the ops whose parameters are perturbed to the network's output: which ops it meets,
// where it lives in each value, and in which stage each op runs. Within a stage a query can be worked off image by
// image; an op that needs sums of its input over the whole batch (batch norm with batch statistics) starts the next
// stage.
#pragma once

#include <array>
#include <vector>

#include "engine/network.h"

namespace deepzero {

struct Step {
  int op = 0;
  std::vector<Support> in;  ///< per input
  Support out;
  int stage = 0;
};

struct Route {
  std::vector<Step> steps;       ///< in the network's order; only those that lead to the output
  std::vector<Support> support;  ///< per value
  std::vector<int> stage;        ///< per value: the stage that produces it
  std::vector<int> last_stage;   ///< per value: the last stage that reads it
  /// Per op, by role (0 weight, 1 bias): whether a direction moves that parameter.
  std::vector<std::array<bool, 2>> moved;
  int stages = 0;
  double cost = 0;  ///< of one query, in multiply-adds per image
};

/// Of a coordinate of the parameters of `op`: seeded there in one channel.
Route make_route(const Network& network, int op, Statistics statistics);
/// Of a direction that moves the tensors of Network::parameters() named by `moved`, but those that vanish: everywhere
/// from the first of their ops on.
Route make_route(const Network& network, const std::vector<bool>& moved, Statistics statistics);

/// The op with whose queries, of the same output channel, those of a batch norm can be carried, as they start where the
/// difference of the others comes by: the one that makes its input, if that has a weight, is no batch norm and is read
/// by nobody else. Of all others, and of other ops, `op` itself.
int carried_with(const Network& network, int op);

/// Whether every estimate of this parameter is exactly 0: a bias whose consumers all subtract constants (a conv bias
/// in front of batch norm with batch statistics), or an op that the output does not depend on.
bool vanishes(const Network& network, const ParameterInfo& parameter, Statistics statistics);

/// Work of one query of a parameter, in multiply-adds per image; 0 where it vanishes.
double query_cost(const Network& network, const ParameterInfo& parameter, Statistics statistics);

/// Work of one full pass, in multiply-adds per image.
double pass_cost(const Network& network);

}  // namespace deepzero
