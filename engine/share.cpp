#include "engine/share.h"

#include <atomic>

namespace deepzero {

void Progress::add(std::size_t count) {
  if (!control_.progress) return;
  const std::lock_guard lock(mutex_);
  done_ += count;
  control_.progress(done_, total_);
}

std::vector<std::uint32_t> share(Backend& backend, std::size_t count, const Control& control,
                                 const std::function<void(int lane, std::size_t item)>& work) {
  const auto lanes = static_cast<std::size_t>(backend.info().lanes);
  std::vector<std::uint32_t> done(lanes, 0);
  std::atomic<std::size_t> next{lanes};
  std::atomic<bool> failed{false};
  backend.on_lanes([&](int lane) {
    try {
      for (std::size_t item = static_cast<std::size_t>(lane); item < count && !failed; item = next.fetch_add(1)) {
        control.check();
        work(lane, item);
        ++done[static_cast<std::size_t>(lane)];
      }
    } catch (...) {
      failed = true;
      throw;
    }
  });
  control.check();
  return done;
}

}  // namespace deepzero
