#include "cpu/backend.h"

#include <algorithm>
#include <map>
#include <mutex>
#include <system_error>

#include "cpu/base_pass.h"
#include "cpu/memory.h"
#include "cpu/pool.h"
#include "cpu/program.h"
#include "engine/rules/cross_entropy.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace deepzero::cpu {
namespace {

// More queries than this per block gain nothing: the base features are then read once in sixteen.
constexpr int kMostQueries = 16;
constexpr int kMostThreads = 1024;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

/// What one lane needs to evaluate a block of queries.
struct Lane {
  Buffer stored;   // per query: [image][floats]
  Buffer image;    // differences of the image at hand
  Buffer scratch;  // of the op at hand
  std::vector<double> state;
  std::vector<float> outputs;
};

class CpuBackend final : public Backend {
 public:
  CpuBackend(std::shared_ptr<const Network> network, const Options& options, int threads, IsaChoice choice)
      : network_(std::move(network)),
        choice_(std::move(choice)),
        memory_(options.memory),
        pool_(threads),
        lanes_(at(threads)),
        base_pass_(*network_) {
    for (const auto& op : network_->ops()) {
      ops_.push_back(make_cpu_op(*op, choice_.isa));
      state_offset_.push_back(state_size_);
      state_size_ += ops_.back()->state_size();
      scratch_floats_ = std::max(scratch_floats_, ops_.back()->scratch_floats());
    }
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
    BaseResult result = base_pass_.run(batch, statistics, keep, control, pool_, ops_);
    count_ = batch.count;
    if (keep) {
      const int k = network_->outputs();
      labels_.assign(batch.labels, batch.labels + (batch.labels != nullptr ? batch.count : 0));
      log_probabilities_.resize(result.outputs.size());
      for (int n = 0; n < batch.count; ++n)
        rules::log_softmax(result.outputs.data() + at(n) * at(k), k, log_probabilities_.data() + at(n) * at(k));
    }
    return result;
  }

  int block(int op, Statistics statistics, int count) override {
    const Program& program = this->program(op, statistics);
    const std::size_t query = std::max<std::size_t>(1, program.stored_floats * at(count) * sizeof(float));
    const std::size_t share = memory_ / lanes_.size();
    return static_cast<int>(std::clamp<std::size_t>(share / query, 1, kMostQueries));
  }

  void evaluate(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                std::span<double> out) override;

  void output_differences(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                          std::span<float> out) override;

  void on_lanes(const std::function<void(int lane)>& work) override { pool_.run(work); }

 private:
  const Program& program(int op, Statistics statistics) {
    const std::lock_guard lock(programs_mutex_);
    auto& slot = programs_[{op, statistics}];
    if (!slot) slot = std::make_unique<Program>(make_program(*network_, op, statistics, ops_));
    return *slot;
  }
  double* state(Lane& lane, std::size_t query, int op) const {
    return lane.state.data() + query * state_size_ + state_offset_[at(op)];
  }
  const float* output_difference(Lane& lane, const View& z) const;
  double loss_difference(int image, const float* d, const Perturbation& perturbation) const;
  void run_image(Lane& lane, const Program& program, int stage, const Chunk& chunk, std::size_t query, int image,
                 const Perturbation& perturbation) const;
  /// Takes Δoutputs/mu of one query on one image, [K].
  using Sink = std::function<void(std::size_t query, int image, const float* d)>;
  void propagate(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                 const Sink& sink);
  float* place(Lane& lane, const Program& program, int value, std::size_t query, int image) const {
    const Place& where = program.places[at(value)];
    if (!where.stored) return lane.image.data() + where.offset;
    return lane.stored.data() + (query * program.stored_floats + where.offset) * at(count_) + at(image) * where.size;
  }
  View view(Lane& lane, const Program& program, int value, const Chunk& chunk, std::size_t query, int image) const {
    const Support& support = program.route.support[at(value)];
    if (support.kind == Support::none) return {};
    return {place(lane, program, value, query, image), support.kind, chunk.channel + support.shift};
  }

  std::shared_ptr<const Network> network_;
  IsaChoice choice_;
  std::size_t memory_;
  Pool pool_;
  std::vector<Lane> lanes_;
  BasePass base_pass_;
  std::vector<std::unique_ptr<CpuOp>> ops_;
  std::vector<std::size_t> state_offset_;
  std::size_t state_size_ = 0;
  std::size_t scratch_floats_ = 0;
  int count_ = 0;
  std::vector<std::int32_t> labels_;
  std::vector<double> log_probabilities_;  // [N][K]
  std::mutex programs_mutex_;
  std::map<std::pair<int, Statistics>, std::unique_ptr<Program>> programs_;
};

/// Δz/μ of all outputs of one image, [K]: zeros are filled in where it lives in one channel.
const float* CpuBackend::output_difference(Lane& lane, const View& z) const {
  if (z.kind == Support::dense) return z.data;
  const int plane = network_->shape(network_->values() - 1).plane();
  lane.outputs.assign(at(network_->outputs()), 0.0f);
  std::copy_n(z.data, plane, lane.outputs.begin() + static_cast<std::ptrdiff_t>(z.channel) * plane);
  return lane.outputs.data();
}

/// Δloss of one image whose outputs move by μ·d, d [K].
double CpuBackend::loss_difference(int image, const float* d, const Perturbation& perturbation) const {
  const int k = network_->outputs();
  return rules::cross_entropy_difference(log_probabilities_.data() + at(image) * at(k), d, k, labels_[at(image)],
                                         perturbation.label_smoothing, perturbation.mu);
}

/// One stage of one query on one image, every value in cache from the op before.
void CpuBackend::run_image(Lane& lane, const Program& program, int stage, const Chunk& chunk, std::size_t query,
                           int image, const Perturbation& perturbation) const {
  const auto inverse_mu = static_cast<float>(1 / perturbation.mu);
  for (const int index : program.by_stage[at(stage)]) {
    const Step& step = program.route.steps[at(index)];
    const Op& op = network_->op(step.op);
    const CpuOp& cpu_op = *ops_[at(step.op)];
    float* out = place(lane, program, op.output(), query, image);
    if (step.op == chunk.op) {
      cpu_op.seed({image, chunk.parameter, chunk.channel, static_cast<int>(chunk.queries[query].element),
                   static_cast<float>(perturbation.sign), out});
    } else {
      DifferenceCall call{.image = image,
                          .out = out,
                          .out_kind = step.out.kind,
                          .out_channel = chunk.channel + step.out.shift,
                          .inverse_mu = inverse_mu,
                          .state = state(lane, query, step.op),
                          .scratch = lane.scratch.data()};
      for (std::size_t k = 0; k < op.inputs().size(); ++k)
        call.in[k] = view(lane, program, op.inputs()[k], chunk, query, image);
      cpu_op.difference(call);
    }
    for (const int consumer : program.feeds[at(index)])
      ops_[at(consumer)]->accumulate(image, view(lane, program, op.output(), chunk, query, image),
                                     state(lane, query, consumer));
  }
}

/// Carries a chunk of queries to the outputs; each query's images arrive at the sink in order.
void CpuBackend::propagate(int lane_index, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                           const Sink& sink) {
  const Program& program = this->program(chunk.op, perturbation.statistics);
  const std::size_t queries = chunk.queries.size();
  Lane& lane = lanes_[at(lane_index)];
  lane.stored.reserve(program.stored_floats * at(count_) * queries);
  lane.image.reserve(program.image_floats);
  lane.scratch.reserve(scratch_floats_);
  lane.state.resize(std::max(lane.state.size(), state_size_ * queries));
  const int output = network_->values() - 1;

  for (int stage = 0; stage < program.route.stages; ++stage) {
    control.check();
    const std::vector<int>& barriers = program.barriers[at(stage)];
    for (const int op : barriers)
      for (std::size_t q = 0; q < queries; ++q) ops_[at(op)]->clear(state(lane, q, op));

    const bool last = program.route.stage[at(output)] == stage;
    for (int image = 0; image < count_; ++image) {
      for (std::size_t q = 0; q < queries; ++q) {
        run_image(lane, program, stage, chunk, q, image, perturbation);
        if (last) sink(q, image, output_difference(lane, view(lane, program, output, chunk, q, image)));
      }
    }

    for (const int op : barriers) {
      const int value = network_->op(op).inputs()[0];
      const Support& support = program.route.support[at(value)];
      for (std::size_t q = 0; q < queries; ++q)
        ops_[at(op)]->finish({count_, perturbation.mu, support.kind, chunk.channel + support.shift, state(lane, q, op),
                              [&](int image) -> const float* { return place(lane, program, value, q, image); }});
    }
  }
}

void CpuBackend::evaluate(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                          std::span<double> out) {
  std::fill(out.begin(), out.end(), 0.0);
  propagate(lane, chunk, perturbation, control, [&](std::size_t query, int image, const float* d) {
    out[query] += loss_difference(image, d, perturbation);
  });
  for (double& value : out) value /= count_ * perturbation.mu * perturbation.sign;
}

void CpuBackend::output_differences(int lane, const Chunk& chunk, const Perturbation& perturbation,
                                    const Control& control, std::span<float> out) {
  const std::size_t k = at(network_->outputs());
  propagate(lane, chunk, perturbation, control, [&](std::size_t query, int image, const float* d) {
    std::copy_n(d, k, out.data() + (query * at(count_) + at(image)) * k);
  });
}

}  // namespace

int default_threads() {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
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
