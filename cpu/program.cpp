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
                     std::span<const std::unique_ptr<CpuOp>> ops, Storage storage, const std::vector<bool>& elsewhere) {
  Program program{.route = std::move(made), .storage = storage};
  const Route& route = program.route;
  const auto at = [](int value) { return static_cast<std::size_t>(value); };
  program.places.resize(at(network.values()));
  program.by_stage.resize(at(route.stages));
  program.barriers.resize(at(route.stages));
  program.reads.resize(at(route.stages));
  program.copies.assign(at(route.stages), std::vector<std::size_t>(at(network.values()), no_copy));
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

  const bool half = storage == Storage::bfloat16;
  const auto stored_size = [&](std::size_t values) { return round_up(half ? (values + 1) / 2 : values); };
  Arena stored;
  std::vector<bool> passed_on(at(network.values()));  // stored values whose memory is another's
  for (int stage = 0; stage < route.stages; ++stage) {
    const std::vector<int>& steps = program.by_stage[at(stage)];
    std::vector<std::size_t>& copies = program.copies[at(stage)];
    Arena image;
    for (int value = 0; value < network.values(); ++value) {
      const Place& place = program.places[at(value)];
      if (!live(value) || !place.stored || last_reader(value, steps) < 0) continue;
      program.reads[at(stage)].push_back(value);
      if (half) copies[at(value)] = image.take(round_up(place.size));
    }
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const Step& step = route.steps[at(steps[i])];
      const std::vector<int> inputs = inputs_of(steps[i]);
      const int value = program.fusions[at(steps[i])].output;
      const Shape& shape = network.shape(value);
      const bool in_place = ops[at(step.op)]->in_place();
      Place& place = program.places[at(value)];
      place.size = static_cast<std::size_t>(step.out.kind == Support::one ? shape.plane() : shape.size());
      place.elsewhere = !live(value);
      place.stored = live(value) && route.last_stage[at(value)] > stage;
      // An input among the images at hand that nobody reads after this step; its memory is free, or the output's.
      const auto dies = [&](int input) {
        return copies[at(input)] != no_copy && last_reader(input, steps) == static_cast<int>(i);
      };
      // A stored one of an earlier stage that nobody reads later: image by image, its memory is the output's.
      const auto makes_room = [&](int input) {
        const Place& other = program.places[at(input)];
        if (!live(input) || !other.stored || other.size != place.size || passed_on[at(input)]) return false;
        if (route.stage[at(input)] == stage || route.last_stage[at(input)] != stage) return false;
        const int last = last_reader(input, steps);
        return half || last < static_cast<int>(i) || (last == static_cast<int>(i) && in_place);
      };
      if (place.stored) {
        int before = 0;
        while (before < network.values() && !makes_room(before)) ++before;
        const bool found = before < network.values();
        if (found) passed_on[at(before)] = true;
        place.offset = found ? program.places[at(before)].offset : stored.take(stored_size(place.size));
      }
      int reused = -1;
      if (live(value) && (half || !place.stored)) {
        for (const int input : inputs)
          if (in_place && reused < 0 && dies(input) && program.places[at(input)].size == place.size) reused = input;
        copies[at(value)] = reused >= 0 ? copies[at(reused)] : image.take(round_up(place.size));
      }
      for (const int input : inputs)
        if (input != reused && dies(input)) image.release(copies[at(input)]);
      if (half && place.stored && last_reader(value, steps) < 0) image.release(copies[at(value)]);
      for (const int consumer : network.consumers(value))
        if (network.op(consumer).barrier(statistics) &&
            std::any_of(route.steps.begin(), route.steps.end(), [&](const Step& s) { return s.op == consumer; }))
          program.feeds[at(steps[i])].push_back(consumer);
      program.barriers[at(stage)].insert(program.barriers[at(stage)].end(), program.feeds[at(steps[i])].begin(),
                                         program.feeds[at(steps[i])].end());
    }
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
