// An observer that puts a pair of events around every kernel, and sums their times by op and kernel.
#pragma once

#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "bench/cuda/event.h"
#include "cuda/observer.h"

namespace deepzero::bench {

struct KernelTime {
  int op = -1;  ///< −1 where the kernel belongs to none
  std::string kernel;
  int launches = 0;
  double seconds = 0;
};

/// Watches all launches of the process while it lives.
class KernelTimes final : public cuda::Observer {
 public:
  KernelTimes() { cuda::observer = this; }
  ~KernelTimes() override { cuda::observer = nullptr; }

  void before(const char* kernel, int op, const cuda::Stream& stream) override;
  void after(const cuda::Stream& stream) override;

  /// In the order of the first launch of each; waits for all.
  std::vector<KernelTime> sums() const;

 private:
  struct Launch {
    std::string kernel;
    int op;
    const cuda::Stream* stream;
    bool ended = false;
    Event begin, end;
  };
  mutable std::mutex mutex_;
  std::deque<Launch> launches_;
};

}  // namespace deepzero::bench
