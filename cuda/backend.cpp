#include "cuda/backend.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "cuda/lane.h"
#include "cuda/probe.h"
#include "cuda/replica.h"
#include "cuda/threads.h"

namespace deepzero::cuda {
namespace {

// More queries than this fill any device, and base features are then read once in sixty-four.
constexpr std::size_t kMostQueries = 64;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

std::string megabytes(std::size_t bytes) { return std::to_string(((bytes - 1) >> 20) + 1) + " MiB"; }

std::vector<int> usable_devices() {
  const api::Probe found = probe();
  if (found.verdict != api::Verdict::usable) throw Error("ERR_DEVICE", found.message);
  std::vector<int> ordinals;
  for (int i = 0; i < found.count; ++i) ordinals.push_back(found.devices[i].ordinal);
  return ordinals;
}

/// A device and its lanes.
struct Worker {
  Worker(const Network& network, int device, const Options& options) : replica(network, device) {
    for (int i = 0; i < options.streams; ++i)
      lanes.push_back(std::make_unique<Lane>(network, replica, options.precision == Precision::f16));
  }
  ~Worker() { static_cast<void>(cudaSetDevice(replica.device())); }
  Replica replica;
  std::vector<std::unique_ptr<Lane>> lanes;
  std::size_t memory = 0;
};

class CudaBackend final : public Backend {
 public:
  CudaBackend(std::shared_ptr<const Network> network, const Options& options) : network_(std::move(network)) {
    const std::vector<int> devices = options.devices.empty() ? usable_devices() : options.devices;
    std::map<int, std::size_t> free;
    for (const int device : devices) {
      check(cudaSetDevice(device), "cudaSetDevice");
      std::size_t total = 0;
      if (!free.contains(device)) check(cudaMemGetInfo(&free[device], &total), "cudaMemGetInfo");
      workers_.push_back(std::make_unique<Worker>(*network_, device, options));
      const auto sharing = std::count(devices.begin(), devices.end(), device);
      workers_.back()->memory =
          options.memory != 0 ? options.memory : free[device] / 10 * 8 / static_cast<std::size_t>(sharing);
    }
    streams_ = options.streams;
    cudaDeviceProp properties;
    check(cudaGetDeviceProperties(&properties, devices.front()), "cudaGetDeviceProperties");
    isa_ = "sm_" + std::to_string(properties.major) + std::to_string(properties.minor);
  }

  BackendInfo info() const override { return {"cuda", isa_, "", static_cast<int>(workers_.size()) * streams_}; }

  void load(std::span<const float> parameters, std::span<const float> buffers) override {
    for (const auto& worker : workers_) worker->replica.load(parameters, buffers);
  }

  BaseResult base(const Batch& batch, Statistics statistics, bool keep, const Control& control) override {
    std::vector<BaseResult> results(workers_.size());
    on_threads(keep ? workers_.size() : 1,
               [&](std::size_t i) { results[i] = workers_[i]->replica.base(batch, statistics, keep, control); });
    return std::move(results.front());
  }

  int block(int op, Statistics statistics, int count) override {
    const std::shared_ptr<const Program> program = this->program(op, statistics);
    std::size_t most = kMostQueries;
    for (const auto& worker : workers_) {
      const std::size_t resident = worker->replica.resident_bytes(count);
      const std::size_t one = worker->lanes.front()->bytes(*program, 1, count);
      if (resident + one * at(streams_) > worker->memory)
        throw Error("ERR_OUT_OF_MEMORY", "a batch of " + std::to_string(count) + " takes " + megabytes(resident) +
                                             " for base features and " + megabytes(one) + " for each of " +
                                             std::to_string(streams_) + " queries at once on the CUDA device, of " +
                                             megabytes(worker->memory) +
                                             " that it may use; use a smaller batch or a larger `memory` setting");
      most = std::min(most, (worker->memory - resident) / at(streams_) / one);
    }
    return static_cast<int>(most);
  }

  void evaluate(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                std::span<double> out) override {
    this->lane(lane).evaluate(*program(chunk.op, perturbation.statistics), chunk, perturbation, control, out);
  }
  double evaluate_direction(int lane, const Direction& direction, const Perturbation& perturbation,
                            const Control& control) override {
    return this->lane(lane).evaluate(*program(direction.moved, perturbation.statistics), direction, perturbation,
                                     control);
  }
  void output_differences(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                          std::span<float> out) override {
    this->lane(lane).output_differences(*program(chunk.op, perturbation.statistics), chunk, perturbation, control, out);
  }

  void on_lanes(const std::function<void(int lane)>& work) override {
    on_threads(at(info().lanes), [&](std::size_t lane) { work(static_cast<int>(lane)); });
  }

 private:
  Lane& lane(int index) const { return *workers_[at(index / streams_)]->lanes[at(index % streams_)]; }

  std::shared_ptr<const Program> program(int op, Statistics statistics) {
    const std::lock_guard lock(programs_mutex_);
    auto& slot = programs_[{op, statistics}];
    if (!slot) slot = made(make_route(*network_, op, statistics));
    return slot;
  }
  /// Of a direction; the last one is kept, as all directions of a call have the same.
  std::shared_ptr<const Program> program(const std::vector<bool>& moved, Statistics statistics) {
    const std::lock_guard lock(programs_mutex_);
    if (!direction_program_ || direction_key_ != std::pair(moved, statistics)) {
      direction_program_ = made(make_route(*network_, moved, statistics));
      direction_key_ = {moved, statistics};
    }
    return direction_program_;
  }
  std::shared_ptr<const Program> made(Route route) const {
    return std::make_shared<const Program>(make_program(*network_, std::move(route), workers_.front()->replica.ops()));
  }

  std::shared_ptr<const Network> network_;
  std::string isa_;
  int streams_ = 1;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::mutex programs_mutex_;
  std::map<std::pair<int, Statistics>, std::shared_ptr<const Program>> programs_;
  std::pair<std::vector<bool>, Statistics> direction_key_;
  std::shared_ptr<const Program> direction_program_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(std::shared_ptr<const Network> network, const Options& options) {
  if (options.precision == Precision::bf16)
    throw Error("ERR_INVALID_ARGUMENT", "precision: expected 'f32' or 'f16' on CUDA, received 'bf16'");
  return std::make_unique<CudaBackend>(std::move(network), options);
}

}  // namespace deepzero::cuda
