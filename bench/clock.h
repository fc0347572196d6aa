// Time and its summary: monotonic seconds, and the median and spread of repeated measurements.
#pragma once

#include <algorithm>
#include <chrono>
#include <vector>

namespace deepzero::bench {

inline double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

struct Spread {
  double median = 0, least = 0, most = 0;
};

/// Of at least one value; the median of an even number is the mean of the middle two.
inline Spread spread_of(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return {values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2, values.front(), values.back()};
}

}  // namespace deepzero::bench
