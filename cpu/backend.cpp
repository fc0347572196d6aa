#include "cpu/backend.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <system_error>

#include "cpu/base_pass.h"
#include "cpu/bfloat16/kernel.h"
#include "cpu/memory.h"
#include "cpu/pool.h"
#include "cpu/program.h"
#include "engine/index.h"
#include "engine/loss.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace deepzero::cpu {
namespace {

// More queries than this per block gain nothing: the base features are then read once in sixteen.
constexpr int kMostQueries = 16;
constexpr int kMostThreads = 1024;

/// What one lane needs to evaluate a block of queries, or a direction.
struct Lane {
  Buffer stored;     // per query: [image][floats]
  Buffer image;      // differences of the images at hand
  Buffer scratch;    // of the op at hand
  Buffer direction;  // its components times the sign, [parameters]
  Buffer packed;     // what the ops made of it
  std::vector<double> state;
  std::vector<float> outputs;
};

/// What a lane works off at once: the queries of a chunk, or (without a chunk) one direction, which the lane holds.
struct Work {
  const Program& program;
  const Perturbation& perturbation;
  const Chunk* chunk = nullptr;

  std::size_t queries() const { return chunk != nullptr ? chunk->queries.size() : 1; }
  int channel(const Support& support) const { return chunk != nullptr ? chunk->channel + support.shift : 0; }
};

class CpuBackend final : public Backend {
 public:
  CpuBackend(std::shared_ptr<const Network> network, const Options& options, int threads, IsaChoice choice)
      : network_(std::move(network)),
        choice_(std::move(choice)),
        memory_(options.memory),
        storage_(options.storage),
        bfloat16_(bfloat16_kernels(choice_.isa)),
        pool_(threads),
        lanes_(at(threads)) {
    for (const auto& op : network_->ops()) {
      ops_.push_back(make_cpu_op(*op, choice_.isa));
      state_offset_.push_back(state_size_);
      state_size_ += ops_.back()->state_size();
      packed_offset_.push_back(packed_floats_);
      packed_floats_ += ops_.back()->direction_floats();
      scratch_floats_ = std::max({scratch_floats_, ops_.back()->scratch_floats(), ops_.back()->direction_floats()});
    }
    base_pass_.emplace(*network_, ops_);
  }

  BackendInfo info() const override { return {"cpu", isa_name(choice_.isa), choice_.reason, pool_.lanes()}; }

  void load(std::span<const float> parameters, std::span<const float> buffers) override {
    for (int i = 0; i < static_cast<int>(ops_.size()); ++i) {
      const ParameterInfo *weight = network_->parameter(i, 0), *bias = network_->parameter(i, 1);
      const BufferInfo* buffer = network_->buffer(i);
      ops_[at(i)]->load(weight != nullptr ? parameters.data() + weight->offset : nullptr,
                        bias != nullptr ? parameters.data() + bias->offset : nullptr,
                        buffer != nullptr ? buffers.data() + buffer->offset : nullptr);
    }
  }

  BaseResult base(const Batch& batch, Statistics statistics, bool keep, const Control& control) override {
    BaseResult result = base_pass_->run(batch, statistics, keep, control, pool_);
    count_ = batch.count;
    if (keep) loss_.keep(network_->loss(), batch, result.outputs);
    return result;
  }

  int block(int op, Statistics statistics, int count) override {
    const Program& program = this->program(op, statistics);
    const std::size_t query = std::max<std::size_t>(1, program.stored_floats * at(count) * sizeof(float));
    const std::size_t share = memory_ / lanes_.size();
    return static_cast<int>(std::clamp<std::size_t>(share / query, 1, kMostQueries));
  }

  void evaluate(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                std::span<double> out) override {
    loss_estimates(lanes_[at(lane)], {program(chunk.op, perturbation.statistics), perturbation, &chunk}, control, out);
  }

  double evaluate_direction(int lane, const Direction& direction, const Perturbation& perturbation,
                            const Control& control) override {
    const std::shared_ptr<const Program> program = this->program(direction.moved, perturbation.statistics);
    double out = 0;
    hold(lanes_[at(lane)], *program, direction, perturbation);
    loss_estimates(lanes_[at(lane)], {*program, perturbation}, control, {&out, 1});
    return out;
  }

  void output_differences(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                          std::span<float> out) override {
    const std::size_t k = at(network_->outputs());
    propagate(lanes_[at(lane)], {program(chunk.op, perturbation.statistics), perturbation, &chunk}, control,
              [&](std::size_t query, int image, const float* d) {
                std::copy_n(d, k, out.data() + (query * at(count_) + at(image)) * k);
              });
  }

  void on_lanes(const std::function<void(int lane)>& work) override { pool_.run(work); }

 private:
  const Program& program(int op, Statistics statistics) {
    const std::lock_guard lock(programs_mutex_);
    auto& slot = programs_[{op, statistics}];
    if (!slot)
      slot = std::make_unique<Program>(
          make_program(*network_, make_route(*network_, op, statistics), statistics, ops_, storage_));
    return *slot;
  }
  /// Of a direction, in float32 as on CUDA: one at a time, its differences are little memory. The last program is kept,
  /// as all directions of a call have the same.
  std::shared_ptr<const Program> program(const std::vector<bool>& moved, Statistics statistics) {
    const std::lock_guard lock(programs_mutex_);
    if (!direction_program_ || direction_key_ != std::pair(moved, statistics)) {
      direction_program_ = std::make_shared<Program>(
          make_program(*network_, make_route(*network_, moved, statistics), statistics, ops_, Storage::float32));
      direction_key_ = {moved, statistics};
    }
    return direction_program_;
  }

  /// Takes Δz/μ of all outputs of one query on one image, [K]; the images of a query come in order.
  using Sink = std::function<void(std::size_t query, int image, const float* d)>;

  void hold(Lane& lane, const Program& program, const Direction& direction, const Perturbation& perturbation) const;
  void propagate(Lane& lane, const Work& work, const Control& control, const Sink& sink) const;
  void propagate_images(Lane& lane, const Work& work, int stage, std::size_t query, int first, int end,
                        FetchAhead& ahead) const;
  const float* output_difference(Lane& lane, const Work& work, std::size_t query, int image) const;
  void loss_estimates(Lane& lane, const Work& work, const Control& control, std::span<double> out) const;

  double* state(Lane& lane, std::size_t query, int op) const {
    return lane.state.data() + query * state_size_ + state_offset_[at(op)];
  }
  /// Where a value of an image is worked on in a stage: among the images at hand, or where it is stored.
  float* place(Lane& lane, const Program& program, int stage, int value, std::size_t query, int image) const {
    const Place& where = program.places[at(value)];
    const std::size_t copy = program.copies[at(stage)][at(value)];
    if (copy == no_copy) return stored(lane, program, value, query) + at(image) * where.size;
    const int images = program.images[at(stage)];
    return lane.image.data() + copy * at(images) + at(image % images) * where.size;
  }
  /// A stored value of a query, [image][values], in float32 or bfloat16.
  float* stored(Lane& lane, const Program& program, int value, std::size_t query) const {
    return lane.stored.data() + (query * program.stored_floats + program.places[at(value)].offset) * at(count_);
  }
  std::uint16_t* narrowed(Lane& lane, const Program& program, int value, std::size_t query, int image) const {
    return reinterpret_cast<std::uint16_t*>(stored(lane, program, value, query)) +
           at(image) * program.places[at(value)].size;
  }
  static std::size_t sizeof_stored(const Program& program) {
    return program.storage == Storage::bfloat16 ? sizeof(std::uint16_t) : sizeof(float);
  }
  /// A stored value of an image after its stage; as bfloat16 it is widened to where it was made.
  const float* second_look(Lane& lane, const Program& program, int stage, int value, std::size_t query,
                           int image) const {
    float* data = place(lane, program, stage, value, query, image);
    if (program.storage == Storage::bfloat16)
      bfloat16_.widen(narrowed(lane, program, value, query, image), program.places[at(value)].size, data);
    return data;
  }
  View view(Lane& lane, const Work& work, int stage, int value, std::size_t query, int image) const {
    const Support& support = work.program.route.support[at(value)];
    if (support.kind == Support::none) return {};
    return {place(lane, work.program, stage, value, query, image), support.kind, work.channel(support)};
  }
  /// What the direction that the lane holds moves in an op.
  Moved moved(const Lane& lane, const Work& work, int op) const {
    const std::array<bool, 2>& roles = work.program.route.moved[at(op)];
    Moved result{.mu = work.perturbation.mu};
    if (roles[0]) {
      result.weight = lane.direction.data() + network_->parameter(op, 0)->offset;
      result.packed = lane.packed.data() + packed_offset_[at(op)];
    }
    if (roles[1]) result.bias = lane.direction.data() + network_->parameter(op, 1)->offset;
    return result;
  }

  /// What follows a step on one image. A ReLU right behind a batch norm finds its base value from that.
  Tail tail(Lane& lane, const Work& work, int stage, const Fusion& fusion, std::size_t query, int image) const {
    Tail result;
    if (fusion.shortcut >= 0) result.plus = view(lane, work, stage, fusion.shortcut, query, image);
    if (fusion.relu < 0) return result;
    result.rectify = true;
    const int input = network_->op(fusion.relu).inputs()[0];
    if (!only_rectified(*network_, input))
      result.base = ops_[at(fusion.relu)]->base_input(image, at(network_->shape(input).size()));
    return result;
  }

  std::shared_ptr<const Network> network_;
  IsaChoice choice_;
  std::size_t memory_;
  Storage storage_;
  const Bfloat16Kernels& bfloat16_;
  Pool pool_;
  std::vector<Lane> lanes_;
  std::vector<std::unique_ptr<CpuOp>> ops_;
  std::optional<BasePass> base_pass_;
  std::vector<std::size_t> state_offset_;
  std::size_t state_size_ = 0;
  std::vector<std::size_t> packed_offset_;
  std::size_t packed_floats_ = 0;
  std::size_t scratch_floats_ = 0;
  int count_ = 0;
  BaseLoss loss_;
  std::mutex programs_mutex_;
  std::map<std::pair<int, Statistics>, std::unique_ptr<Program>> programs_;
  std::pair<std::vector<bool>, Statistics> direction_key_;
  std::shared_ptr<const Program> direction_program_;
};

/// Takes a direction over into the lane: signed components, packed for the ops whose weights it moves.
void CpuBackend::hold(Lane& lane, const Program& program, const Direction& direction,
                      const Perturbation& perturbation) const {
  lane.direction.reserve(direction.components.size());
  lane.packed.reserve(packed_floats_);
  lane.scratch.reserve(scratch_floats_);
  std::transform(direction.components.begin(), direction.components.end(), lane.direction.data(),
                 [&](float u) { return perturbation.sign > 0 ? u : -u; });
  for (const Step& step : program.route.steps)
    if (program.route.moved[at(step.op)][0])
      ops_[at(step.op)]->pack_direction(lane.direction.data() + network_->parameter(step.op, 0)->offset,
                                        perturbation.mu, lane.packed.data() + packed_offset_[at(step.op)],
                                        lane.scratch.data());
}

/// One stage of one query on images first … end − 1, every value in cache from the op before.
void CpuBackend::propagate_images(Lane& lane, const Work& work, int stage, std::size_t query, int first, int end,
                                  FetchAhead& ahead) const {
  const Program& program = work.program;
  const auto inverse_mu = static_cast<float>(1 / work.perturbation.mu);
  const bool half = program.storage == Storage::bfloat16;
  const std::size_t images = at(end - first);
  for (const int value : program.reads[at(stage)])
    if (half)
      bfloat16_.widen(narrowed(lane, program, value, query, first), images * program.places[at(value)].size,
                      place(lane, program, stage, value, query, first));
  for (const int index : program.by_stage[at(stage)]) {
    const Step& step = program.route.steps[at(index)];
    const Op& op = network_->op(step.op);
    const CpuOp& cpu_op = *ops_[at(step.op)];
    const Fusion& fusion = program.fusions[at(index)];
    const auto seed = [&](int image) {
      const Query& seeded = work.chunk->queries[query];
      cpu_op.seed({image, network_->parameters()[at(seeded.parameter)].role, work.chunk->channel,
                   static_cast<int>(seeded.element), static_cast<float>(work.perturbation.sign),
                   place(lane, program, stage, fusion.output, query, image), inverse_mu,
                   tail(lane, work, stage, fusion, query, image)});
    };
    const auto call = [&](int image) {
      DifferenceCall made{.image = image,
                          .out = place(lane, program, stage, fusion.output, query, image),
                          .out_kind = step.out.kind,
                          .out_channel = work.channel(step.out),
                          .inverse_mu = inverse_mu,
                          .state = state(lane, query, step.op),
                          .scratch = lane.scratch.data(),
                          .moved = moved(lane, work, step.op),
                          .tail = tail(lane, work, stage, fusion, query, image),
                          .ahead = &ahead};
      for (std::size_t k = 0; k < op.inputs().size(); ++k)
        made.in[k] = view(lane, work, stage, op.inputs()[k], query, image);
      return made;
    };
    if (work.chunk != nullptr && step.op == work.chunk->op) {
      for (int image = first; image < end; ++image) seed(image);
    } else if (!cpu_op.differences(call(first), end - first)) {
      for (int image = first; image < end; ++image) cpu_op.difference(call(image));
    }
    float* result = place(lane, program, stage, fusion.output, query, first);
    const std::vector<int>& feeds = program.feeds[at(index)];
    if (const Place& where = program.places[at(fusion.output)]; half && where.stored) {
      std::uint16_t* narrow = narrowed(lane, program, fusion.output, query, first);
      bfloat16_.narrow(result, images * where.size, narrow);
      // The sums are of the values that the batch norm will read.
      if (!feeds.empty()) bfloat16_.widen(narrow, images * where.size, result);
    }
    for (const int consumer : feeds)
      ops_[at(consumer)]->accumulate(first, end - first, view(lane, work, stage, fusion.output, query, first),
                                     state(lane, query, consumer));
  }
}

/// Δz/μ of all outputs of one image, [K]; zeros are filled in where it lives in one channel.
const float* CpuBackend::output_difference(Lane& lane, const Work& work, std::size_t query, int image) const {
  const int output = network_->values() - 1;
  const View z = view(lane, work, work.program.route.stage[at(output)], output, query, image);
  if (z.kind != Support::one) return z.data;
  const int plane = network_->shape(output).plane();
  lane.outputs.assign(at(network_->outputs()), 0.0f);
  std::copy_n(z.data, plane, lane.outputs.begin() + static_cast<std::ptrdiff_t>(z.channel) * plane);
  return lane.outputs.data();
}

/// Carries the work from its ops to the outputs.
void CpuBackend::propagate(Lane& lane, const Work& work, const Control& control, const Sink& sink) const {
  const Program& program = work.program;
  const std::size_t queries = work.queries();
  lane.stored.reserve(program.stored_floats * at(count_) * queries);
  lane.image.reserve(program.image_floats);
  lane.scratch.reserve(scratch_floats_);
  lane.state.resize(std::max(lane.state.size(), state_size_ * queries));

  for (int stage = 0; stage < program.route.stages; ++stage) {
    const std::vector<int>& barriers = program.barriers[at(stage)];
    for (const int op : barriers)
      for (std::size_t q = 0; q < queries; ++q) ops_[at(op)]->clear(state(lane, q, op));

    const bool last = program.route.stage[at(network_->values() - 1)] == stage;
    const int images = program.images[at(stage)];
    for (int first = 0; first < count_; first += images) {
      control.check();  // with running statistics there is one stage
      const int end = std::min(first + images, count_);
      for (std::size_t q = 0; q < queries; ++q) {
        FetchAhead ahead;
        if (const std::size_t next = q + 1 < queries ? q + 1 : 0; next > 0 || end < count_) {
          const int from = next > 0 ? first : end, count = std::min(images, count_ - from);
          for (const int value : program.reads[at(stage)]) {
            const std::size_t size = program.places[at(value)].size * sizeof_stored(program);
            ahead.add(reinterpret_cast<const char*>(stored(lane, program, value, next)) + at(from) * size,
                      at(count) * size);
          }
        }
        propagate_images(lane, work, stage, q, first, end, ahead);
        for (int image = first; last && image < end; ++image) sink(q, image, output_difference(lane, work, q, image));
      }
    }

    for (const int op : barriers) {
      const int value = network_->op(op).inputs()[0];
      const Support& support = program.route.support[at(value)];
      for (std::size_t q = 0; q < queries; ++q)
        ops_[at(op)]->finish({count_, work.perturbation.mu, support.kind, work.channel(support), state(lane, q, op),
                              [&](int image) { return second_look(lane, program, stage, value, q, image); },
                              moved(lane, work, op)});
    }
  }
}

/// Per query, the mean over the batch of Δloss/(sign·μ).
void CpuBackend::loss_estimates(Lane& lane, const Work& work, const Control& control, std::span<double> out) const {
  const Perturbation& p = work.perturbation;
  std::fill(out.begin(), out.end(), 0.0);
  propagate(lane, work, control, [&](std::size_t query, int image, const float* d) {
    out[query] += loss_.difference(image, d, p.label_smoothing, p.mu);
  });
  for (double& value : out) value /= count_ * p.mu * p.sign;
}

}  // namespace

int default_threads() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

Storage storage_of(Precision precision) {
  if (precision == Precision::f16)
    throw Error("ERR_INVALID_ARGUMENT", "precision: expected 'f32' or 'bf16' on the CPU, received 'f16'");
  return precision == Precision::f32 ? Storage::float32 : Storage::bfloat16;
}

std::unique_ptr<Backend> make_backend(std::shared_ptr<const Network> network, const Options& options) {
  if (options.threads < 0 || options.threads > kMostThreads)
    throw Error("ERR_INVALID_ARGUMENT", "threads: expected 0 (one per core) to " + std::to_string(kMostThreads) +
                                            ", received " + std::to_string(options.threads));
  const int threads = options.threads == 0 ? default_threads() : options.threads;
  try {
    return std::make_unique<CpuBackend>(std::move(network), options, threads, choose_isa());
  } catch (const std::system_error&) {
    throw Error("ERR_OUT_OF_MEMORY",
                "could not start " + std::to_string(threads) + " threads; ask for fewer with the threads setting");
  }
}

}  // namespace deepzero::cpu
