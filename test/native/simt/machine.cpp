// Runs the threads of a block as fibres. A fibre that finishes its thread goes on with the next one that has not
// started, so that kernels without barriers never switch. Threads that wait are let go together: a warp when all its
// lanes wait in one place, one warp at a time; the block when all its threads do.
#include <algorithm>
#include <atomic>
#include <memory>
#include <numeric>
#include <random>
#include <vector>

#include "test/native/simt/fibre.h"
#include "test/native/simt/memory.h"
#include "test/native/simt/simt.h"

namespace simt {
namespace {

constexpr unsigned kWarp = 32;

std::atomic<Order> the_order{Order::forward};
std::atomic<std::uint64_t> the_seed{0};

struct Copy {
  void* to;
  const void* from;
  std::size_t size, valid;
};

struct Thread {
  enum State { fresh, running, at_barrier, at_meeting, left } state = fresh;
  Index index;
  std::source_location where;  ///< it waits
  unsigned meetings = 0;
  std::vector<std::vector<Copy>> copies;  ///< groups; the last one is open
  Fibre* fibre = nullptr;
};

bool same(const std::source_location& a, const std::source_location& b) {
  return a.line() == b.line() && a.column() == b.column() && std::strcmp(a.file_name(), b.file_name()) == 0;
}

/// What the lanes of a warp leave for each other; two, as a lane may be one meeting ahead.
using Left = std::array<std::array<std::array<std::byte, 64>, kWarp>, 2>;

class Machine {
 public:
  void run(const char* name, Extent grid, Extent block, std::size_t shared_bytes, const std::function<void()>& kernel) {
    kernel_ = &kernel;
    position_.block_size = block;
    position_.grid_size = grid;
    GuardedMemory shared(shared_bytes);
    shared_ = &shared;
    warps_.resize((block.size() + kWarp - 1) / kWarp);
    failure_.clear();
    for (const unsigned index : scheduled(static_cast<unsigned>(grid.size()), the_seed)) {
      shared.fill();
      position_.block = {index % grid.x, index / grid.x % grid.y, index / grid.x / grid.y};
      run_block(index);
      if (failure_.empty() && !shared.intact()) failure_ = "a write outside the block's shared memory";
      if (!failure_.empty()) break;
    }
    shared_ = nullptr;
    if (!failure_.empty()) throw Failure(std::string(name) + ": " + failure_);
  }

  const Position& here() const { return position_; }
  void* shared_memory() { return shared_->data(); }
  unsigned lane() const { return current_ % kWarp; }

  void wait(Thread::State state, const std::source_location& where) {
    Thread& thread = threads_[current_];
    thread.state = state;
    thread.where = where;
    thread.fibre->pause();
  }
  void meet(const void* value, std::size_t size, const std::source_location& where) {
    Thread& thread = threads_[current_];
    std::memcpy(warps_[current_ / kWarp][++thread.meetings % 2][lane()].data(), value, size);
    wait(Thread::at_meeting, where);
  }
  const std::byte* left_by(unsigned of) const {
    return warps_[current_ / kWarp][threads_[current_].meetings % 2][of % kWarp].data();
  }
  std::vector<std::vector<Copy>>& copies() {
    auto& groups = threads_[current_].copies;
    if (groups.empty()) groups.emplace_back();
    return groups;
  }
  void fail(const std::string& message) {
    if (failure_.empty()) failure_ = message;
  }

 private:
  /// 0 … n − 1 in the order of the schedule.
  static std::vector<unsigned> scheduled(unsigned n, std::uint64_t seed) {
    std::vector<unsigned> list(n);
    std::iota(list.begin(), list.end(), 0u);
    order(list, seed);
    return list;
  }
  static void order(std::vector<unsigned>& list, std::uint64_t seed) {
    if (the_order == Order::reverse) std::reverse(list.begin(), list.end());
    if (the_order == Order::random) {
      std::mt19937_64 generator(seed);
      std::shuffle(list.begin(), list.end(), generator);
    }
  }

  void run_block(unsigned block) {
    const Extent& size = position_.block_size;
    threads_.assign(size.size(), {});
    for (unsigned t = 0; t < threads_.size(); ++t)
      threads_[t].index = {t % size.x, t / size.x % size.y, t / size.x / size.y};
    std::uint64_t phase = the_seed + 0x9e3779b97f4a7c15u * (block + 1);
    queue_ = scheduled(static_cast<unsigned>(threads_.size()), phase);
    while (!queue_.empty()) {
      next_ = 0;
      while (next_ < queue_.size()) resume(queue_[next_++]);
      queue_ = released(++phase);
      order(queue_, phase);
    }
    if (std::any_of(threads_.begin(), threads_.end(), [](const Thread& t) { return t.state != Thread::left; })) {
      fail(stuck());
      // Threads that wait for ever stay on their fibres, which go with them.
      fibres_.clear();
      idle_.clear();
    }
  }

  void resume(unsigned index) {
    Thread& thread = threads_[index];
    if (thread.fibre == nullptr) {
      if (idle_.empty()) {
        fibres_.push_back(std::make_unique<Fibre>([this] { work(); }));
        idle_.push_back(fibres_.back().get());
      }
      thread.fibre = idle_.back();
      idle_.pop_back();
    }
    enter(index);
    thread.fibre->resume();
  }
  void enter(unsigned index) {
    current_ = index;
    position_.thread = threads_[index].index;
    threads_[index].state = Thread::running;
  }

  /// The life of a fibre.
  void work() {
    while (true) {
      Fibre* const fibre = threads_[current_].fibre;
      (*kernel_)();
      threads_[current_].state = Thread::left;
      threads_[current_].fibre = nullptr;
      if (next_ < queue_.size() && threads_[queue_[next_]].state == Thread::fresh) {
        threads_[queue_[next_]].fibre = fibre;
        enter(queue_[next_++]);
        continue;
      }
      idle_.push_back(fibre);
      fibre->pause();
    }
  }

  /// Whether threads first … end − 1 all wait in `state` in one place.
  bool together(unsigned first, unsigned end, Thread::State state) const {
    for (unsigned t = first; t < end; ++t)
      if (threads_[t].state != state || !same(threads_[t].where, threads_[first].where)) return false;
    return true;
  }
  /// The threads of one warp that can go on, the first in the order of the schedule: it runs ahead of the others as far
  /// as it can, so that what only lock step would order comes out of order. Or all threads, past a barrier.
  std::vector<unsigned> released(std::uint64_t phase) const {
    std::vector<unsigned> warps, list;
    const auto all = static_cast<unsigned>(threads_.size());
    for (unsigned first = 0; first < all; first += kWarp)
      if (together(first, std::min(first + kWarp, all), Thread::at_meeting)) warps.push_back(first);
    order(warps, phase);
    if (!warps.empty()) {
      for (unsigned t = warps[0]; t < std::min(warps[0] + kWarp, all); ++t) list.push_back(t);
    } else if (together(0, all, Thread::at_barrier)) {
      for (unsigned t = 0; t < all; ++t) list.push_back(t);
    }
    return list;
  }
  std::string stuck() const {
    std::size_t gone = 0;
    std::string places;
    std::vector<std::source_location> seen;
    for (const Thread& thread : threads_) {
      if (thread.state == Thread::left) {
        ++gone;
      } else if (std::none_of(seen.begin(), seen.end(), [&](const auto& s) { return same(s, thread.where); })) {
        seen.push_back(thread.where);
        places += std::string(places.empty() ? "" : ", ") +
                  (thread.state == Thread::at_barrier ? "the barrier " : "the warp operation ") +
                  thread.where.file_name() + ":" + std::to_string(thread.where.line());
      }
    }
    return "threads diverge: " + std::to_string(gone) + " of " + std::to_string(threads_.size()) +
           " have left, others wait at " + places;
  }

  const std::function<void()>* kernel_ = nullptr;
  Position position_;
  GuardedMemory* shared_ = nullptr;
  std::vector<Thread> threads_;
  std::vector<Left> warps_;
  std::vector<unsigned> queue_;  // threads to run until they wait or leave
  std::size_t next_ = 0;
  unsigned current_ = 0;
  std::string failure_;
  std::vector<std::unique_ptr<Fibre>> fibres_;
  std::vector<Fibre*> idle_;
};

thread_local Machine machine;

}  // namespace

void set_schedule(Schedule schedule) {
  the_order = schedule.order;
  the_seed = schedule.seed;
}

void run(const char* name, Extent grid, Extent block, std::size_t shared_bytes, const std::function<void()>& kernel) {
  // Limits of compute capability 9.0.
  if (grid.size() == 0 || block.size() == 0 || block.size() > 1024 || block.z > 64 || grid.x > 0x7fffffff ||
      grid.y > 65535 || grid.z > 65535 || shared_bytes > 227 * 1024)
    throw Failure(std::string(name) + ": a grid, block or shared memory that no device takes");
  machine.run(name, grid, block, shared_bytes, kernel);
}

const Position& here() { return machine.here(); }
void* shared_memory() { return machine.shared_memory(); }
unsigned lane() { return machine.lane(); }
void barrier(const std::source_location& where) { machine.wait(Thread::at_barrier, where); }
void meet(const void* value, std::size_t size, const std::source_location& where) { machine.meet(value, size, where); }
const std::byte* left_by(unsigned of) { return machine.left_by(of); }
void fail(const std::string& message) { machine.fail(message); }

void copy_async(void* to, const void* from, std::size_t size, std::size_t valid) {
  if (reinterpret_cast<std::uintptr_t>(to) % size != 0 || reinterpret_cast<std::uintptr_t>(from) % size != 0)
    machine.fail("cp.async: an address that is no multiple of " + std::to_string(size) + " bytes");
  machine.copies().back().push_back({to, from, size, valid});
}
void commit_copies() { machine.copies().emplace_back(); }
void wait_for_copies(unsigned pending) {
  auto& groups = machine.copies();
  while (groups.size() > pending + 1) {
    for (const Copy& copy : groups.front()) {
      std::memcpy(copy.to, copy.from, copy.valid);
      std::memset(static_cast<std::byte*>(copy.to) + copy.valid, 0, copy.size - copy.valid);
    }
    groups.erase(groups.begin());
  }
}

}  // namespace simt
