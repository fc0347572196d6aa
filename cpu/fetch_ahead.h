// Memory that is read next, brought into the second-level cache line by line while something else computes: where
// differences of a whole batch stream through memory, a convolution has time for it.
#pragma once

#include <cstddef>

namespace deepzero::cpu {

struct FetchAhead {
  static constexpr int most = 4;
  struct Range {
    const char* next;
    std::size_t lines;
  };
  Range ranges[most];
  int count = 0;

  /// A range; beyond `most` of them it is left to the hardware.
  void add(const void* data, std::size_t bytes) {
    if (count < most) ranges[count++] = {static_cast<const char*>(data), (bytes + 63) / 64};
  }
};

namespace {  // compiled for each instruction set

inline std::size_t lines_left(const FetchAhead& ahead) {
  std::size_t lines = 0;
  for (int i = 0; i < ahead.count; ++i) lines += ahead.ranges[i].lines;
  return lines;
}

/// The next lines, if there are any.
inline void fetch(FetchAhead& ahead, std::size_t lines) {
  while (lines > 0 && ahead.count > 0) {
    FetchAhead::Range& range = ahead.ranges[ahead.count - 1];
    for (; lines > 0 && range.lines > 0; --lines, --range.lines, range.next += 64) __builtin_prefetch(range.next, 0, 3);
    if (range.lines == 0) --ahead.count;
  }
}

}  // namespace
}  // namespace deepzero::cpu
