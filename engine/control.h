// How a caller watches and stops a long call. Both members may be used from several threads at once.
#pragma once

#include <atomic>
#include <functional>

#include "engine/error.h"

namespace deepzero {

struct Control {
  const std::atomic<bool>* cancelled = nullptr;
  /// Called with the coordinates done and all of them; never from two threads at a time.
  std::function<void(std::size_t done, std::size_t total)> progress;

  bool stop_requested() const { return cancelled != nullptr && cancelled->load(std::memory_order_relaxed); }
  /// Throws ERR_ABORTED when a stop was requested.
  void check() const {
    if (stop_requested()) throw Error("ERR_ABORTED", "the call was aborted");
  }
};

}  // namespace deepzero
