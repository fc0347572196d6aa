// Work on all lanes of a backend: who takes what, how far it is, and when it stops.
#pragma once

#include <cstdint>
#include <functional>
#include <mutex>
#include <vector>

#include "engine/backend.h"
#include "engine/control.h"

namespace deepzero {

/// Counts finished queries and tells the caller, one thread at a time.
class Progress {
 public:
  Progress(const Control& control, std::size_t total) : control_(control), total_(total) {}
  void add(std::size_t count);

 private:
  const Control& control_;
  std::size_t total_, done_ = 0;
  std::mutex mutex_;
};

/// Hands `count` items to the lanes: lane i starts with item i, the rest go to whoever is free. Stops early when the
/// caller asks, or when a lane throws. Returns how many items each lane worked off.
std::vector<std::uint32_t> share(Backend& backend, std::size_t count, const Control& control,
                                 const std::function<void(int lane, std::size_t item)>& work);

}  // namespace deepzero
