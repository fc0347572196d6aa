// Where threads are, a thousand times a second: each watched thread gets a timer whose signal notes the moment and the
// instruction. Time spent waiting counts, too, as the clock is that of the wall. Linux.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ctime>
#include <vector>

namespace deepzero::bench {

struct Tick {
  double time = 0;  ///< on the clock of seconds_now()
  std::uintptr_t instruction = 0;
};

/// At most one at a time in a process.
class Sampler {
 public:
  /// Room for `capacity` ticks of all threads together; later ones are lost.
  explicit Sampler(std::size_t capacity);
  ~Sampler();
  Sampler(const Sampler&) = delete;
  Sampler& operator=(const Sampler&) = delete;

  /// Called on each thread to watch, one after the other or at once. Throws ERR_INTERNAL when there is no timer.
  void watch_this_thread();
  /// No tick comes after it.
  void stop();
  /// After stop().
  std::vector<Tick> ticks() const;

 private:
  std::vector<timer_t> timers_;
};

}  // namespace deepzero::bench
