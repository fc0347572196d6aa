#include "cpu/program.h"

#include <algorithm>
#include <utility>

#include "engine/arena.h"
#include "engine/index.h"

namespace deepzero::cpu {
namespace {

constexpr std::size_t kLine = 16;  // floats of a cache line

/// Walks a route stage by stage and step by step, as the passes will, and gives each difference its place.
class Planner {
 public:
  Planner(const Network& network, Route route, Statistics statistics, std::span<const std::unique_ptr<CpuOp>> ops,
          Storage storage, const std::vector<bool>& elsewhere)
      : network_(network),
        statistics_(statistics),
        ops_(ops),
        elsewhere_(elsewhere),
        half_(storage == Storage::bfloat16),
        passed_on_(at(network.values())),
        program_{.route = std::move(route), .storage = storage} {
    const std::size_t stages = at(program_.route.stages);
    program_.places.resize(at(network.values()));
    program_.by_stage.resize(stages);
    program_.barriers.resize(stages);
    program_.reads.resize(stages);
    program_.copies.assign(stages, std::vector<std::size_t>(at(network.values()), no_copy));
    program_.images.assign(stages, 1);
    program_.feeds.resize(program_.route.steps.size());
  }

  Program plan() {
    group_steps();
    count_images();
    for (stage_ = 0; stage_ < program_.route.stages; ++stage_) lay_out_stage();
    program_.stored_floats = stored_.peak();
    return std::move(program_);
  }

 private:
  /// Steps by stage, each with what is fused to it.
  void group_steps() {
    std::vector<bool> joined(at(network_.values()));  // by op: part of an earlier step
    for (std::size_t s = 0; s < program_.route.steps.size(); ++s) {
      const Step& step = program_.route.steps[s];
      program_.fusions.push_back(fuse(network_, program_.route, step));
      if (joined[at(step.op)]) continue;
      program_.by_stage[at(step.stage)].push_back(static_cast<int>(s));
      const Fusion& fusion = program_.fusions.back();
      for (int op = step.op; op != fusion.last;) joined[at(op = network_.consumers(op + 1)[0])] = true;
    }
  }

  /// How many images the ops of a stage that take dense differences want together.
  void count_images() {
    for (const Step& step : program_.route.steps) {
      const auto inputs = network_.op(step.op).inputs();
      const bool dense = std::any_of(inputs.begin(), inputs.end(), [&](int input) {
        return program_.route.support[at(input)].kind == Support::dense;
      });
      int& images = program_.images[at(step.stage)];
      if (dense) images = std::max(images, ops_[at(step.op)]->images());
    }
  }

  void lay_out_stage() {
    image_ = Arena(kLine);
    bring_in_stored();
    const int steps = static_cast<int>(program_.by_stage[at(stage_)].size());
    for (int i = 0; i < steps; ++i) {
      place_result(i);
      note_barriers(i);
    }
    const std::size_t images = at(program_.images[at(stage_)]);
    program_.image_floats = std::max(program_.image_floats, image_.peak() * images);
    for (int value = 0; value < network_.values(); ++value)
      if (live(value) && place(value).stored && last_stage(value) == stage_ && !passed_on_[at(value)])
        stored_.release(place(value).offset);
  }

  /// Values of earlier stages that this one reads; a bfloat16 one is widened for the images at hand.
  void bring_in_stored() {
    for (int value = 0; value < network_.values(); ++value) {
      if (!live(value) || !place(value).stored || last_reader(value) < 0) continue;
      program_.reads[at(stage_)].push_back(value);
      if (half_) copy(value) = image_.take(place(value).size);
    }
  }

  /// Memory for the result of a step, and that of inputs which nobody reads after it.
  void place_result(int i) {
    const Step& step = step_of(i);
    const int value = result_of(i);
    const Shape& shape = network_.shape(value);
    Place& result = place(value);
    result.size = static_cast<std::size_t>(step.out.kind == Support::one ? shape.plane() : shape.size());
    result.elsewhere = !live(value);
    result.stored = live(value) && last_stage(value) > stage_;
    if (result.stored) result.offset = stored_offset(i, result.size);

    const std::vector<int> inputs = inputs_of(i);
    int reused = -1;  // the input whose memory becomes the result's
    if (live(value) && (half_ || !result.stored)) {
      for (const int input : inputs)
        if (reused < 0 && in_place(i, input) && dies(input, i) && place(input).size == result.size) reused = input;
      copy(value) = reused >= 0 ? copy(reused) : image_.take(result.size);
    }
    for (const int input : inputs)
      if (input != reused && dies(input, i)) image_.release(copy(input));
    if (half_ && result.stored && last_reader(value) < 0) image_.release(copy(value));
  }

  /// Of a stored result: the place of another one that makes room for it, image by image, or a new one.
  std::size_t stored_offset(int i, std::size_t size) {
    for (int other = 0; other < network_.values(); ++other) {
      if (!makes_room(other, i, size)) continue;
      passed_on_[at(other)] = true;
      return place(other).offset;
    }
    return stored_.take(half_ ? (size + 1) / 2 : size);
  }

  /// Whether a stored value of an earlier stage is read for the last time by step i or before it.
  bool makes_room(int value, int i, std::size_t size) const {
    const Place& other = program_.places[at(value)];
    if (!live(value) || !other.stored || other.size != size || passed_on_[at(value)]) return false;
    if (program_.route.stage[at(value)] == stage_ || last_stage(value) != stage_) return false;
    const int last = last_reader(value);
    return half_ || last < i || (last == i && in_place(i, value));
  }

  /// Whether an input lies among the images at hand and nobody reads it after step i.
  bool dies(int input, int i) { return copy(input) != no_copy && last_reader(input) == i; }

  /// Ops with a barrier that take sums of a step's result.
  void note_barriers(int i) {
    std::vector<int>& feeds = program_.feeds[at(program_.by_stage[at(stage_)][at(i)])];
    for (const int consumer : network_.consumers(result_of(i))) {
      const bool on_route = std::any_of(program_.route.steps.begin(), program_.route.steps.end(),
                                        [&](const Step& step) { return step.op == consumer; });
      if (on_route && network_.op(consumer).barrier(statistics_)) feeds.push_back(consumer);
    }
    std::vector<int>& barriers = program_.barriers[at(stage_)];
    barriers.insert(barriers.end(), feeds.begin(), feeds.end());
  }

  // Step i of the stage at hand.
  const Step& step_of(int i) const { return program_.route.steps[at(program_.by_stage[at(stage_)][at(i)])]; }
  const Fusion& fusion_of(int i) const { return program_.fusions[at(program_.by_stage[at(stage_)][at(i)])]; }
  int result_of(int i) const { return fusion_of(i).output; }
  /// Whether step i may write its result over an input. Not over a difference in one channel if the result is dense:
  /// where there is but one channel they are of the same size, and yet such a step writes before it has read.
  bool in_place(int i, int input) const {
    return ops_[at(step_of(i).op)]->in_place() &&
           program_.route.support[at(input)].kind == program_.route.support[at(result_of(i))].kind;
  }
  std::vector<int> inputs_of(int i) const {
    const auto inputs = network_.op(step_of(i).op).inputs();
    std::vector<int> all(inputs.begin(), inputs.end());
    if (fusion_of(i).shortcut >= 0) all.push_back(fusion_of(i).shortcut);
    return all;
  }

  Place& place(int value) { return program_.places[at(value)]; }
  std::size_t& copy(int value) { return program_.copies[at(stage_)][at(value)]; }
  int last_stage(int value) const { return program_.route.last_stage[at(value)]; }
  /// Whether a value needs memory here.
  bool live(int value) const {
    return program_.route.support[at(value)].kind != Support::none && (elsewhere_.empty() || !elsewhere_[at(value)]);
  }
  /// The last step of the stage that reads a value, or −1.
  int last_reader(int value) const {
    for (int i = static_cast<int>(program_.by_stage[at(stage_)].size()) - 1; i >= 0; --i)
      for (const int input : inputs_of(i))
        if (input == value) return i;
    return -1;
  }

  const Network& network_;
  const Statistics statistics_;
  const std::span<const std::unique_ptr<CpuOp>> ops_;
  const std::vector<bool>& elsewhere_;
  const bool half_;
  std::vector<bool> passed_on_;  // stored values whose memory is another's
  Program program_;
  Arena stored_{kLine};  // for the whole batch
  Arena image_{kLine};   // for the images at hand, in the stage at hand
  int stage_ = 0;
};

}  // namespace

Program make_program(const Network& network, Route route, Statistics statistics,
                     std::span<const std::unique_ptr<CpuOp>> ops, Storage storage, const std::vector<bool>& elsewhere) {
  return Planner(network, std::move(route), statistics, ops, storage, elsewhere).plan();
}

}  // namespace deepzero::cpu
