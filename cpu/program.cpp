#include "cpu/program.h"

#include <algorithm>

namespace deepzero::cpu {
namespace {

constexpr std::size_t kLine = 16;  // floats of a cache line

std::size_t round_up(std::size_t floats) { return (floats + kLine - 1) / kLine * kLine; }

/// First-fit memory with release.
class Arena {
 public:
  std::size_t take(std::size_t size) {
    std::size_t offset = 0;
    auto place = taken_.begin();
    for (; place != taken_.end() && offset + size > place->offset; ++place) offset = place->offset + place->size;
    taken_.insert(place, {offset, size});
    peak_ = std::max(peak_, offset + size);
    return offset;
  }
  void release(std::size_t offset) {
    std::erase_if(taken_, [&](const Block& block) { return block.offset == offset; });
  }
  std::size_t peak() const { return peak_; }

 private:
  struct Block {
    std::size_t offset, size;
  };
  std::vector<Block> taken_;  // by offset
  std::size_t peak_ = 0;
};

}  // namespace

Program make_program(const Network& network, Route made, Statistics statistics,
                     std::span<const std::unique_ptr<CpuOp>> ops, const std::vector<bool>& elsewhere) {
  Program program{.route = std::move(made)};
  const Route& route = program.route;
  const auto at = [](int value) { return static_cast<std::size_t>(value); };
  program.places.resize(at(network.values()));
  program.by_stage.resize(at(route.stages));
  program.barriers.resize(at(route.stages));
  program.reads.resize(at(route.stages));
  program.images.assign(at(route.stages), 1);
  program.feeds.resize(route.steps.size());
  std::vector<bool> joined(at(network.values()));  // by op: part of an earlier step
  for (std::size_t s = 0; s < route.steps.size(); ++s) {
    const Step& step = route.steps[s];
    program.fusions.push_back(fuse(network, route, step));
    if (joined[at(step.op)]) continue;
    program.by_stage[at(step.stage)].push_back(static_cast<int>(s));
    const Fusion& fusion = program.fusions.back();
    for (int op = step.op; op != fusion.last;) joined[at(op = network.consumers(op + 1)[0])] = true;
  }

  for (const Step& step : route.steps) {
    const auto inputs = network.op(step.op).inputs();
    if (std::any_of(inputs.begin(), inputs.end(),
                    [&](int input) { return route.support[at(input)].kind == Support::dense; }))
      program.images[at(step.stage)] = std::max(program.images[at(step.stage)], ops[at(step.op)]->images());
  }

  const auto inputs_of = [&](int index) {
    const auto inputs = network.op(route.steps[at(index)].op).inputs();
    std::vector<int> all(inputs.begin(), inputs.end());
    if (program.fusions[at(index)].shortcut >= 0) all.push_back(program.fusions[at(index)].shortcut);
    return all;
  };
  // Values that need memory here.
  const auto live = [&](int value) {
    return route.support[at(value)].kind != Support::none && (elsewhere.empty() || !elsewhere[at(value)]);
  };
  // The last step of a stage that reads a value within that stage.
  const auto last_reader = [&](int value, std::span<const int> steps) {
    int last = -1;
    for (std::size_t i = 0; i < steps.size(); ++i)
      for (const int input : inputs_of(steps[i]))
        if (input == value) last = static_cast<int>(i);
    return last;
  };

  Arena stored;
  std::vector<bool> passed_on(at(network.values()));  // stored values whose memory is another's
  for (int stage = 0; stage < route.stages; ++stage) {
    const std::vector<int>& steps = program.by_stage[at(stage)];
    Arena image;
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Step& step = route.steps[at(steps[i])];
      const std::vector<int> inputs = inputs_of(steps[i]);
      const int value = program.fusions[at(steps[i])].output;
      const Shape& shape = network.shape(value);
      Place& place = program.places[at(value)];
      place.size = static_cast<std::size_t>(step.out.kind == Support::one ? shape.plane() : shape.size());
      place.stored = route.last_stage[at(value)] > stage;
      // An input of this stage that nobody reads after this step; its memory is free, or the output's.
      const auto dies = [&](int input) {
        return live(input) && !program.places[at(input)].stored && route.stage[at(input)] == stage &&
               last_reader(input, steps) == static_cast<int>(i);
      };
      // A stored one of an earlier stage that nobody reads later: image by image, its memory is the output's.
      const auto makes_room = [&](int input) {
        if (!live(input) || !program.places[at(input)].stored || route.stage[at(input)] == stage) return false;
        if (route.last_stage[at(input)] != stage || program.places[at(input)].size != place.size) return false;
        const int last = last_reader(input, steps);
        return !passed_on[at(input)] &&
               (last < static_cast<int>(i) || (last == static_cast<int>(i) && ops[at(step.op)]->in_place()));
      };
      place.elsewhere = !live(value);
      int reused = -1;
      if (place.elsewhere) {
        place.stored = false;
      } else if (place.stored) {
        for (int input = 0; input < network.values() && reused < 0; ++input)
          if (makes_room(input)) reused = input;
        if (reused >= 0) passed_on[at(reused)] = true;
        place.offset = reused >= 0 ? program.places[at(reused)].offset : stored.take(round_up(place.size));
      } else {
        if (ops[at(step.op)]->in_place())
          for (const int input : inputs)
            if (reused < 0 && dies(input) && program.places[at(input)].size == place.size) reused = input;
        place.offset = reused >= 0 ? program.places[at(reused)].offset : image.take(round_up(place.size));
      }
      for (const int input : inputs)
        if (input != reused && dies(input)) image.release(program.places[at(input)].offset);
      for (const int consumer : network.consumers(value))
        if (network.op(consumer).barrier(statistics) &&
            std::any_of(route.steps.begin(), route.steps.end(), [&](const Step& s) { return s.op == consumer; }))
          program.feeds[at(steps[i])].push_back(consumer);
      program.barriers[at(stage)].insert(program.barriers[at(stage)].end(), program.feeds[at(steps[i])].begin(),
                                         program.feeds[at(steps[i])].end());
    }
    for (int value = 0; value < network.values(); ++value)
      if (live(value) && program.places[at(value)].stored && route.stage[at(value)] < stage &&
          last_reader(value, steps) >= 0)
        program.reads[at(stage)].push_back(value);
    program.image_floats = std::max(program.image_floats, image.peak() * at(program.images[at(stage)]));
    // Stored values whose last reader ran in this stage make room.
    for (int value = 0; value < network.values(); ++value)
      if (live(value) && program.places[at(value)].stored && route.last_stage[at(value)] == stage &&
          !passed_on[at(value)])
        stored.release(program.places[at(value)].offset);
  }
  program.stored_floats = stored.peak();
  return program;
}

}  // namespace deepzero::cpu
