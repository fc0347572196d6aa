#include "bench/cuda/kernel_times.h"

#include <algorithm>

namespace deepzero::bench {

void KernelTimes::before(const char* kernel, int op, const cuda::Stream& stream) {
  const std::lock_guard lock(mutex_);
  Launch& launch = launches_.emplace_back();
  launch.kernel = kernel;
  launch.op = op;
  launch.stream = &stream;
  launch.begin.record(stream);
}

void KernelTimes::after(const cuda::Stream& stream) {
  const std::lock_guard lock(mutex_);
  // The last one of that stream; streams may launch at once.
  const auto launch = std::find_if(launches_.rbegin(), launches_.rend(),
                                   [&](const Launch& one) { return one.stream == &stream && !one.ended; });
  launch->end.record(stream);
  launch->ended = true;
}

std::vector<KernelTime> KernelTimes::sums() const {
  const std::lock_guard lock(mutex_);
  std::vector<KernelTime> list;
  for (const Launch& launch : launches_) {
    auto sum = std::find_if(list.begin(), list.end(),
                            [&](const KernelTime& one) { return one.op == launch.op && one.kernel == launch.kernel; });
    if (sum == list.end()) sum = list.insert(list.end(), {launch.op, launch.kernel, 0, 0.0});
    sum->launches += 1;
    sum->seconds += launch.end.seconds_since(launch.begin);
  }
  return list;
}

}  // namespace deepzero::bench
