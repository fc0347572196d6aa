#include "bench/loop_check.h"

#include <algorithm>

namespace deepzero::bench {

LoopCheck check_loops(std::span<const LoopRate> moments, int threads) {
  double least = moments[0].all, most = least;
  LoopCheck check{.scaling = moments[0].all / (moments[0].one * threads)};
  for (const LoopRate& moment : moments) {
    least = std::min(least, moment.all);
    most = std::max(most, moment.all);
    check.scaling = std::min(check.scaling, moment.all / (moment.one * threads));
  }
  check.drift = most / least - 1;
  check.usable = check.scaling >= kLeastScaling && check.drift <= kMostDrift;
  return check;
}

std::vector<int> thread_counts(int threads) {
  std::vector<int> counts;
  for (int t = 1; t < threads; t = threads <= 8 ? t + 1 : 2 * t) counts.push_back(t);
  counts.push_back(threads);
  return counts;
}

}  // namespace deepzero::bench
