#include "engine/route.h"

#include <algorithm>

#include "engine/index.h"

namespace deepzero {
namespace {

/// Which values the network's output depends on.
std::vector<bool> leads_to_output(const Network& network) {
  std::vector<bool> leads(static_cast<std::size_t>(network.values()), false);
  leads.back() = true;
  for (int i = static_cast<int>(network.ops().size()) - 1; i >= 0; --i)
    if (leads[static_cast<std::size_t>(network.op(i).output())])
      for (const int input : network.op(i).inputs()) leads[static_cast<std::size_t>(input)] = true;
  return leads;
}

/// `starts`, per op: whether a difference starts there, in one channel or everywhere.
Route trace(const Network& network, const std::vector<Support::Kind>& starts,
            const std::vector<std::array<bool, 2>>& moved, Statistics statistics) {
  const auto values = static_cast<std::size_t>(network.values());
  Route route{.support = std::vector<Support>(values),
              .stage = std::vector<int>(values, 0),
              .last_stage = std::vector<int>(values, 0),
              .moved = moved};
  const std::vector<bool> leads = leads_to_output(network);
  const auto reached = [](const Support& support) { return support.kind != Support::none; };

  for (int i = 0; i < static_cast<int>(network.ops().size()); ++i) {
    const Op& op = network.op(i);
    if (!leads[at(op.output())]) continue;
    const Support::Kind start = starts[at(i)];
    Step step{.op = i};
    for (const int input : op.inputs()) step.in.push_back(route.support[at(input)]);
    const bool any_input = std::any_of(step.in.begin(), step.in.end(), reached);
    if (!any_input && start == Support::none) continue;
    step.out = start == Support::none ? op.propagate(step.in) : Support{start, 0};
    for (std::size_t k = 0; k < step.in.size(); ++k)
      if (reached(step.in[k]))
        step.stage = std::max(step.stage, route.stage[at(op.inputs()[k])] + (op.barrier(statistics) ? 1 : 0));
    for (std::size_t k = 0; k < step.in.size(); ++k)
      if (reached(step.in[k])) {
        int& last = route.last_stage[at(op.inputs()[k])];
        last = std::max(last, step.stage);
      }
    if (any_input) route.cost += op.cost(step.in);
    if (start == Support::one) route.cost += op.output_shape().plane();
    if (moved[at(i)][0]) route.cost += op.cost(std::vector<Support>(step.in.size(), {Support::dense, 0}));
    route.support[at(op.output())] = step.out;
    route.stage[at(op.output())] = step.stage;
    route.last_stage[at(op.output())] = step.stage;
    route.stages = std::max(route.stages, step.stage + 1);
    route.steps.push_back(std::move(step));
  }
  return route;
}

}  // namespace

Route make_route(const Network& network, int op, Statistics statistics) {
  std::vector<Support::Kind> starts(network.ops().size(), Support::none);
  starts[static_cast<std::size_t>(op)] = Support::one;
  return trace(network, starts, std::vector<std::array<bool, 2>>(starts.size()), statistics);
}

Route make_route(const Network& network, const std::vector<bool>& moved, Statistics statistics) {
  std::vector<Support::Kind> starts(network.ops().size(), Support::none);
  std::vector<std::array<bool, 2>> roles(starts.size());
  for (std::size_t i = 0; i < moved.size(); ++i) {
    const ParameterInfo& parameter = network.parameters()[i];
    if (!moved[i] || vanishes(network, parameter, statistics)) continue;
    starts[static_cast<std::size_t>(parameter.op)] = Support::dense;
    roles[static_cast<std::size_t>(parameter.op)][static_cast<std::size_t>(parameter.role)] = true;
  }
  return trace(network, starts, roles, statistics);
}

int carried_with(const Network& network, int op) {
  const auto is_batch_norm = [&](int index) { return network.op(index).kind() == "batchNorm2d"; };
  if (!is_batch_norm(op)) return op;
  const int value = network.op(op).inputs()[0], before = value - 1;
  const bool alone = value > 0 && network.consumers(value).size() == 1;
  return alone && network.parameter(before, 0) != nullptr && !is_batch_norm(before) ? before : op;
}

bool vanishes(const Network& network, const ParameterInfo& parameter, Statistics statistics) {
  const int value = network.op(parameter.op).output();
  const std::vector<bool> leads = leads_to_output(network);
  if (!leads[static_cast<std::size_t>(value)]) return true;
  if (parameter.role != 1 || value == network.values() - 1) return false;
  const auto consumers = network.consumers(value);
  return std::all_of(consumers.begin(), consumers.end(), [&](int op) {
    return !leads[static_cast<std::size_t>(network.op(op).output())] || network.op(op).absorbs_constant(statistics);
  });
}

double query_cost(const Network& network, const ParameterInfo& parameter, Statistics statistics) {
  return vanishes(network, parameter, statistics) ? 0 : make_route(network, parameter.op, statistics).cost;
}

double pass_cost(const Network& network) {
  double cost = 0;
  for (const auto& op : network.ops())
    cost += op->cost(std::vector<Support>(op->inputs().size(), Support{Support::dense, 0}));
  return cost;
}

}  // namespace deepzero
