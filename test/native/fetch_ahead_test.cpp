// What a convolution fetches while it works: every line once, in even parts.
#include "cpu/fetch_ahead.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

TEST_CASE("fetch ahead: the parts of the work fetch each line once, a few at a step") {
  const auto between = [](int low, int high) { return std::uniform_int_distribution<int>(low, high)(generator()); };
  for (int repeat = 0; repeat < 200; ++repeat) {
    cpu::FetchAhead ahead;
    std::vector<const char*> expected;
    std::size_t most = 0;
    for (int range = between(0, cpu::FetchAhead::most); range > 0; --range) {
      const auto* data = reinterpret_cast<const char*>(std::uintptr_t{1 << 20} * range);  // far apart, never read
      const int lines = between(1, 500);
      ahead.add(data, static_cast<std::size_t>(64 * lines - between(0, 63)));
      for (int line = 0; line < lines; ++line) expected.push_back(data + 64 * line);
    }
    const std::size_t parts = static_cast<std::size_t>(between(36, 400)),
                      steps = static_cast<std::size_t>(between(1, 64));
    ahead.parts = parts;
    std::vector<const char*> fetched;
    for (std::size_t part = 0; part < parts; ++part) {
      const cpu::Lines lines = cpu::next_lines(ahead, steps);
      CHECK(lines.end - lines.next <= lines.each * static_cast<std::ptrdiff_t>(steps));
      for (const char* line = lines.next; line != lines.end; line += 64) fetched.push_back(line);
      most = std::max(most, static_cast<std::size_t>(lines.end - lines.next) / 64);
    }
    CHECK(most <= 2 * expected.size() / parts + 2);
    std::sort(expected.begin(), expected.end());
    std::sort(fetched.begin(), fetched.end());
    CHECK(fetched == expected);
  }
}

TEST_CASE("fetch ahead: nothing, and ranges beyond the most") {
  cpu::FetchAhead ahead;
  ahead.parts = 3;
  cpu::Lines none = cpu::next_lines(ahead, 4);
  cpu::fetch_step(none);
  CHECK(none.next == none.end);
  const float values[64] = {};
  ahead.parts = cpu::FetchAhead::most;
  for (int i = 0; i < 10; ++i) ahead.add(values, sizeof values);
  CHECK(ahead.count == cpu::FetchAhead::most);
  cpu::Lines lines = cpu::next_lines(ahead, 2);
  const char* const first = lines.next;
  cpu::fetch_step(lines);
  CHECK(lines.next - first == 2 * 64);
  for (int step = 1; step < 4; ++step) cpu::fetch_step(lines);
  CHECK(lines.next == lines.end);
  CHECK(lines.end - first == 4 * 64);  // a part for each range
}

}  // namespace
}  // namespace deepzero::test
