#include "cuda/backend.h"

#include <algorithm>
#include <map>
#include <mutex>

#include "cuda/lane.h"
#include "cuda/probe.h"
#include "cuda/replica.h"
#include "cuda/threads.h"
#include "engine/index.h"
#include "engine/route.h"

namespace deepzero::cuda {
namespace {

// More queries than this fill any device, and base features are then read once in sixty-four.
constexpr std::size_t kMostQueries = 64;

std::string megabytes(std::size_t bytes) { return std::to_string(((bytes - 1) >> 20) + 1) + " MiB"; }

/// The devices asked for, or all that can be used. Throws ERR_DEVICE where there is none, or not that one.
std::vector<int> chosen_devices(const std::vector<int>& wanted) {
  const api::Probe found = probe();
  if (found.verdict != api::Verdict::usable) throw Error("ERR_DEVICE", found.message);
  std::vector<int> ordinals;
  std::string names;
  for (int i = 0; i < found.count; ++i) {
    ordinals.push_back(found.devices[i].ordinal);
    names += (i > 0 ? ", " : "") + std::to_string(ordinals.back());
  }
  for (const int device : wanted)
    if (std::find(ordinals.begin(), ordinals.end(), device) == ordinals.end())
      throw Error("ERR_DEVICE",
                  "CUDA device " + std::to_string(device) + ": expected one of those that can be used, " + names);
  return wanted.empty() ? ordinals : wanted;
}

/// A lane, which two threads may want when one of them has lost its device.
struct Seat {
  Seat(const Network& network, const Replica& replica) : lane(network, replica) {}
  std::mutex busy;
  Lane lane;
};

/// A device and its lanes.
struct Worker {
  Worker(const Network& network, int device, const Options& options) : replica(network, device, options.precision) {
    for (int i = 0; i < options.streams; ++i) seats.push_back(std::make_unique<Seat>(network, replica));
  }
  ~Worker() { static_cast<void>(cudaSetDevice(replica.device())); }
  /// Takes what the lanes hold from earlier calls.
  void release_lanes() {
    for (const auto& seat : seats) {
      const std::lock_guard lock(seat->busy);
      seat->lane.release();
    }
  }
  Replica replica;
  std::vector<std::unique_ptr<Seat>> seats;
  std::size_t memory = 0;
  std::size_t resident = 0;  ///< most that a base pass has taken so far, which stays
  std::string failure;       ///< why it is not used any more; guarded by the backend
};

class CudaBackend final : public Backend {
 public:
  CudaBackend(std::shared_ptr<const Network> network, const Options& options)
      : network_(std::move(network)), precision_(options.precision) {
    const std::vector<int> devices = chosen_devices(options.devices);
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

  BackendInfo info() const override {
    BackendInfo known{"cuda", isa_, "", static_cast<int>(workers_.size()) * streams_};
    for (const auto& worker : workers_)
      for (const auto& seat : worker->seats) known.redone += seat->lane.redone();
    const std::lock_guard lock(failures_mutex_);
    for (const auto& worker : workers_)
      if (!worker->failure.empty())
        known.reason += (known.reason.empty() ? "" : "; ") +
                        ("CUDA device " + std::to_string(worker->replica.device())) +
                        " is not used any more, others do its share: " + worker->failure;
    return known;
  }

  void load(std::span<const float> parameters, std::span<const float> buffers) override {
    for (Worker* const worker : alive()) attempt(*worker, [&] { worker->replica.load(parameters, buffers); });
    require_alive();
  }

  BaseResult base(const Batch& batch, Statistics statistics, bool keep, const Control& control) override {
    for (;;) {
      require_alive();
      std::vector<Worker*> workers = alive();
      if (!keep) workers.resize(1);
      std::vector<BaseResult> results(workers.size());
      std::vector<char> done(workers.size(), 0);
      on_threads(workers.size(), [&](std::size_t i) {
        Worker& worker = *workers[i];
        done[i] = attempt(worker, [&] {
          require_room(worker, batch.count, keep, 0);
          worker.resident = std::max(worker.resident, worker.replica.resident_bytes(batch.count, keep));
          with_room([&] { worker.release_lanes(); },
                    [&] { results[i] = worker.replica.base(batch, statistics, keep, control); });
        });
      });
      for (std::size_t i = 0; i < workers.size(); ++i)
        if (done[i]) return std::move(results[i]);
    }
  }

  int start(int op) const override { return carried_with(*network_, op); }

  int block(int op, Statistics statistics, int count) override {
    const std::shared_ptr<const Program> program = this->program(op, statistics);
    std::size_t most = kMostQueries;
    for (Worker* const worker : alive()) {
      const Lane& lane = worker->seats.front()->lane;
      require_room(*worker, count, true, lane.bytes(*program, 1, count));
      const std::size_t taken = std::max(worker->resident, worker->replica.resident_bytes(count, true));
      const std::size_t share = (worker->memory - std::min(taken, worker->memory)) / at(streams_);
      while (most > 1 && lane.bytes(*program, most, count) > share) --most;
    }
    return static_cast<int>(most);
  }

  void evaluate(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                std::span<double> out) override {
    const auto program = this->program(chunk.op, perturbation.statistics);
    on_a_lane(lane, [&](const Worker&, Lane& taken) { taken.evaluate(*program, chunk, perturbation, control, out); });
  }
  double evaluate_direction(int lane, const Direction& direction, const Perturbation& perturbation,
                            const Control& control) override {
    const auto program = this->program(direction.moved, perturbation.statistics);
    double value = 0;
    on_a_lane(lane, [&](const Worker& worker, Lane& taken) {
      const int count = worker.replica.count();
      require_room(worker, count, true, taken.direction_bytes(*program, count));
      value = taken.evaluate(*program, direction, perturbation, control);
    });
    return value;
  }
  void output_differences(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                          std::span<float> out) override {
    const auto program = this->program(chunk.op, perturbation.statistics);
    on_a_lane(lane, [&](const Worker&, Lane& taken) {
      taken.output_differences(*program, chunk, perturbation, control, out);
    });
  }

  void on_lanes(const std::function<void(int lane)>& work) override {
    on_threads(at(info().lanes), [&](std::size_t lane) { work(static_cast<int>(lane)); });
  }

 private:
  std::vector<Worker*> alive() const {
    const std::lock_guard lock(failures_mutex_);
    std::vector<Worker*> list;
    for (const auto& worker : workers_)
      if (worker->failure.empty()) list.push_back(worker.get());
    return list;
  }
  /// Refuses a batch of which the base features, kept for queries or not, and `one` bytes of workspace in every stream
  /// are more than the worker may use.
  void require_room(const Worker& worker, int count, bool keep, std::size_t one) const {
    const std::size_t resident = worker.replica.resident_bytes(count, keep);
    if (resident + one * at(streams_) <= worker.memory) return;
    throw Error(
        "ERR_OUT_OF_MEMORY",
        "a batch of " + std::to_string(count) + " takes " + megabytes(resident) + " for base features" +
            (one == 0 ? ""
                      : " and " + megabytes(one) + " for each of " + std::to_string(streams_) + " queries at once") +
            " on the CUDA device, of " + megabytes(worker.memory) +
            " that it may use; use a smaller batch or a larger `memory` setting");
  }
  void require_alive() const {
    if (alive().empty()) throw Error("ERR_DEVICE", info().reason);
  }
  /// False when the device failed; it is then not used any more.
  template <class Work>
  bool attempt(Worker& worker, const Work& work) {
    try {
      work();
      return true;
    } catch (const Error& error) {
      if (error.code() != "ERR_DEVICE") throw;
      const std::lock_guard lock(failures_mutex_);
      if (worker.failure.empty()) worker.failure = error.what();
      return false;
    }
  }
  /// Work of a lane: by that lane, or where its device has failed by one of another device, which has the same base
  /// features and so gives the same bits. Calls work(worker, lane).
  template <class Work>
  void on_a_lane(int lane, const Work& work) {
    Worker* worker = workers_[at(lane / streams_)].get();
    for (;;) {
      const std::vector<Worker*> others = alive();
      if (others.empty()) return require_alive();
      if (std::find(others.begin(), others.end(), worker) == others.end()) worker = others[at(lane) % others.size()];
      Seat& seat = *worker->seats[at(lane % streams_)];
      const std::lock_guard lock(seat.busy);
      if (attempt(*worker, [&] { work(*worker, seat.lane); })) return;
    }
  }

  std::shared_ptr<const Program> program(int op, Statistics statistics) {
    const std::lock_guard lock(programs_mutex_);
    auto& slot = programs_[{op, statistics}];
    if (!slot) slot = made(make_route(*network_, op, statistics), statistics, precision_);
    return slot;
  }
  /// Of a direction; the last one is kept, as all directions of a call have the same.
  std::shared_ptr<const Program> program(const std::vector<bool>& moved, Statistics statistics) {
    const std::lock_guard lock(programs_mutex_);
    if (!direction_program_ || direction_key_ != std::pair(moved, statistics)) {
      direction_program_ = made(make_route(*network_, moved, statistics), statistics, Precision::f32);
      direction_key_ = {moved, statistics};
    }
    return direction_program_;
  }
  std::shared_ptr<const Program> made(const Route& route, Statistics statistics, Precision precision) const {
    return std::make_shared<const Program>(
        make_program(*network_, route, workers_.front()->replica.ops(), statistics, precision));
  }

  std::shared_ptr<const Network> network_;
  Precision precision_;
  std::string isa_;
  int streams_ = 1;
  std::vector<std::unique_ptr<Worker>> workers_;
  mutable std::mutex failures_mutex_;
  std::mutex programs_mutex_;
  std::map<std::pair<int, Statistics>, std::shared_ptr<const Program>> programs_;
  std::pair<std::vector<bool>, Statistics> direction_key_;
  std::shared_ptr<const Program> direction_program_;
};

}  // namespace

std::unique_ptr<Backend> make_backend(std::shared_ptr<const Network> network, const Options& options) {
  return std::make_unique<CudaBackend>(std::move(network), options);
}

}  // namespace deepzero::cuda
