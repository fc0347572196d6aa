#include "cpu/base_pass.h"

#include <algorithm>

#include "engine/index.h"

namespace deepzero::cpu {
namespace {

/// All ops in order, everything dense. The input stands before the first stage.
Route whole_route(const Network& network, Statistics statistics) {
  const auto values = at(network.values());
  Route route{.support = std::vector<Support>(values, {Support::dense, 0}),
              .stage = std::vector<int>(values, -1),
              .last_stage = std::vector<int>(values, -1),
              .moved = std::vector<std::array<bool, 2>>(network.ops().size())};
  for (int i = 0; i < static_cast<int>(network.ops().size()); ++i) {
    const Op& op = network.op(i);
    Step step{.op = i, .in = std::vector<Support>(op.inputs().size(), {Support::dense, 0}), .out = {Support::dense, 0}};
    for (const int input : op.inputs())
      step.stage = std::max(step.stage, route.stage[at(input)] + (op.barrier(statistics) ? 1 : 0));
    for (const int input : op.inputs()) route.last_stage[at(input)] = std::max(route.last_stage[at(input)], step.stage);
    route.stage[at(op.output())] = route.last_stage[at(op.output())] = step.stage;
    route.stages = std::max(route.stages, step.stage + 1);
    route.steps.push_back(std::move(step));
  }
  return route;
}

}  // namespace

const BasePass::Plan& BasePass::plan(Statistics statistics, bool keep) {
  std::optional<Plan>& plan = plans_[statistics == Statistics::batch ? 0 : 1][keep ? 1 : 0];
  if (plan) return *plan;
  std::vector<bool> kept(at(network_.values())), elsewhere;
  for (int value = 1; keep && value < network_.values(); ++value) {
    const auto consumers = network_.consumers(value);
    const bool read =
        std::any_of(consumers.begin(), consumers.end(), [&](int op) { return network_.op(op).reads_input(); });
    kept[at(value)] = network_.op(value - 1).reads_output() || (read && !only_rectified(network_, value));
  }
  kept.back() = true;
  elsewhere = kept;
  elsewhere.front() = true;
  plan = Plan{make_program(network_, whole_route(network_, statistics), statistics, ops_, Storage::float32, elsewhere),
              std::move(kept)};
  return *plan;
}

/// Where a value of an image lies; null where nobody reads it.
float* BasePass::place(const Plan& plan, int stage, Lane& lane, int value, int image, int count) const {
  const Place& where = plan.program.places[at(value)];
  if (plan.kept[at(value)]) return kept_[at(value)].data() + at(image) * at(network_.shape(value).size());
  if (where.stored) return stored_.data() + where.offset * at(count) + at(image) * where.size;
  const std::size_t copy = plan.program.copies[at(stage)][at(value)];
  return copy != no_copy ? lane.image.data() + copy : nullptr;
}

void BasePass::run_image(const Plan& plan, int stage, const Batch& batch, Lane& lane, int image) const {
  const Program& program = plan.program;
  const auto value = [&](int id) { return place(plan, stage, lane, id, image, batch.count); };
  const auto input = [&](int id) -> const float* {
    return id == 0 ? batch.input + at(image) * at(network_.input().size()) : value(id);
  };
  for (const int index : program.by_stage[at(stage)]) {
    const Fusion& fusion = program.fusions[at(index)];
    const Op& op = network_.op(program.route.steps[at(index)].op);
    BaseCall call{.image = image, .output = value(op.output()), .scratch = lane.scratch.data()};
    for (const int id : op.inputs()) call.inputs.push_back(input(id));
    if (fusion.shortcut >= 0) {
      call.tail.plus = input(fusion.shortcut);
      const int add = network_.consumers(op.output())[0];
      call.tail.sum = value(network_.op(add).output());
    }
    if (fusion.relu >= 0) call.tail.rectified = value(fusion.output);
    ops_[at(program.route.steps[at(index)].op)]->base(call);
    for (const int consumer : program.feeds[at(index)]) ops_[at(consumer)]->observe(image, value(fusion.output));
  }
}

BaseResult BasePass::run(const Batch& batch, Statistics statistics, bool keep, const Control& control, Pool& pool) {
  const Plan& plan = this->plan(statistics, keep);
  const Program& program = plan.program;
  kept_.resize(at(network_.values()));
  for (int value = 1; value < network_.values(); ++value)
    if (plan.kept[at(value)]) kept_[at(value)].reserve(at(network_.shape(value).size()) * at(batch.count));
  stored_.reserve(program.stored_floats * at(batch.count));
  std::size_t scratch = 0;
  for (const auto& op : ops_) scratch = std::max(scratch, op->scratch_floats());
  lanes_.resize(at(pool.lanes()));
  for (Lane& lane : lanes_) {
    lane.image.reserve(program.image_floats);
    lane.scratch.reserve(scratch);
  }
  for (const auto& op : ops_) op->begin(batch.count, statistics, keep);

  const auto settle = [&](int input) {
    for (const int op : network_.consumers(input))
      if (network_.op(op).barrier(statistics)) ops_[at(op)]->settle();
  };
  pool.for_each(batch.count, [&](int, int image) {
    for (const int op : network_.consumers(0))
      if (network_.op(op).barrier(statistics))
        ops_[at(op)]->observe(image, batch.input + at(image) * at(network_.input().size()));
  });
  settle(0);
  for (int stage = 0; stage < program.route.stages; ++stage) {
    pool.for_each(batch.count, [&](int lane, int image) {
      control.check();
      run_image(plan, stage, batch, lanes_[at(lane)], image);
    });
    for (const int index : program.by_stage[at(stage)]) settle(program.fusions[at(index)].output);
  }

  BaseResult result{.observed = std::vector<double>(network_.buffer_count())};
  for (int i = 0; i < static_cast<int>(ops_.size()); ++i) {
    const Op& op = network_.op(i);
    if (const BufferInfo* buffer = network_.buffer(i); buffer != nullptr && statistics == Statistics::batch)
      ops_[at(i)]->observed(result.observed.data() + buffer->offset);
    if (!keep) continue;
    std::vector<const float*> inputs;
    for (const int input : op.inputs()) inputs.push_back(input == 0 ? batch.input : kept_[at(input)].data());
    ops_[at(i)]->bind(inputs, kept_[at(op.output())].data());
  }
  const float* outputs = kept_.back().data();
  result.outputs.assign(outputs, outputs + at(batch.count) * at(network_.outputs()));
  return result;
}

}  // namespace deepzero::cpu
