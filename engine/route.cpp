#include "engine/route.h"

#include <algorithm>

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

}  // namespace

Route make_route(const Network& network, int origin, Statistics statistics) {
  const auto values = static_cast<std::size_t>(network.values());
  Route route{.origin = origin,
              .support = std::vector<Support>(values),
              .stage = std::vector<int>(values, 0),
              .last_stage = std::vector<int>(values, 0)};
  const std::vector<bool> leads = leads_to_output(network);
  const auto at = [](int value) { return static_cast<std::size_t>(value); };
  if (!leads[at(network.op(origin).output())]) return route;

  for (int i = origin; i < static_cast<int>(network.ops().size()); ++i) {
    const Op& op = network.op(i);
    if (!leads[at(op.output())]) continue;
    Step step{.op = i};
    if (i == origin) {
      step.out = {Support::one, 0};
      route.cost += op.output_shape().plane();
    } else {
      for (const int input : op.inputs()) step.in.push_back(route.support[at(input)]);
      if (std::all_of(step.in.begin(), step.in.end(), [](const Support& s) { return s.kind == Support::none; }))
        continue;
      step.out = op.propagate(step.in);
      for (std::size_t k = 0; k < step.in.size(); ++k)
        if (step.in[k].kind != Support::none)
          step.stage = std::max(step.stage, route.stage[at(op.inputs()[k])] + (op.barrier(statistics) ? 1 : 0));
      for (std::size_t k = 0; k < step.in.size(); ++k)
        if (step.in[k].kind != Support::none) {
          int& last = route.last_stage[at(op.inputs()[k])];
          last = std::max(last, step.stage);
        }
      route.cost += op.cost(step.in);
    }
    route.support[at(op.output())] = step.out;
    route.stage[at(op.output())] = step.stage;
    route.last_stage[at(op.output())] = step.stage;
    route.stages = std::max(route.stages, step.stage + 1);
    route.steps.push_back(std::move(step));
  }
  route.reaches_output = true;
  return route;
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
