// Memory that is read next, brought into the cache while something else computes: where differences of a whole batch
// stream through memory, a convolution has time for it. Lines are fetched one by one, spread over the work: a core
// can wait for some dozen at a time, and while it waits for as many its own loads must wait as well.
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
  std::size_t parts = 0;  ///< of the work, in which all of it is to be fetched

  /// A range; beyond `most` of them it is left to the hardware.
  void add(const void* data, std::size_t bytes) {
    if (count < most) ranges[count++] = {static_cast<const char*>(data), (bytes + 63) / 64};
  }
};

namespace {  // compiled for each instruction set

/// What a part of the work fetches: lines that lie one behind the other, up to `each` at a step.
struct Lines {
  const char *next = nullptr, *end = nullptr;
  std::ptrdiff_t each = 0;  ///< bytes
};

/// Those of the next part, which has `steps` steps. A range gets parts by its length, and one at least.
inline Lines next_lines(FetchAhead& ahead, std::size_t steps) {
  std::size_t left = 0;
  for (int i = 0; i < ahead.count; ++i) left += ahead.ranges[i].lines;
  const auto ranges = static_cast<std::size_t>(ahead.count);
  if (left == 0 || ahead.parts < ranges) return {};
  FetchAhead::Range& range = ahead.ranges[ahead.count - 1];
  const std::size_t most = ahead.parts - (ranges - 1), fair = ahead.parts * range.lines / left;
  const std::size_t parts = fair < 1 ? 1 : fair > most ? most : fair;
  const std::size_t lines = (range.lines + parts - 1) / parts;
  const char* first = range.next;
  --ahead.parts;
  range.next += 64 * lines;
  range.lines -= lines;
  if (range.lines == 0) --ahead.count;
  return {first, range.next, static_cast<std::ptrdiff_t>((lines + steps - 1) / steps * 64)};
}

inline void fetch_step(Lines& lines) {
  const char* const end = lines.end - lines.next > lines.each ? lines.next + lines.each : lines.end;
  for (; lines.next < end; lines.next += 64) __builtin_prefetch(lines.next);
}

}  // namespace
}  // namespace deepzero::cpu
