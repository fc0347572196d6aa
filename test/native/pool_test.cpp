// The pool of threads: every lane and every item once, and an exception of any lane reaches the caller.
#include "cpu/pool.h"

#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace deepzero::test {
namespace {

TEST_CASE("pool: an exception on any lane is thrown to the caller, and the pool goes on") {
  for (const int lanes : {1, 2, 3}) {
    cpu::Pool pool(lanes);
    for (int failing = 0; failing < lanes; ++failing) {
      CAPTURE(lanes);
      CAPTURE(failing);
      std::atomic<int> ran{0};
      CHECK_THROWS_WITH_AS(pool.run([&](int lane) {
        ++ran;
        if (lane == failing) throw std::runtime_error("lane " + std::to_string(lane));
      }),
                           ("lane " + std::to_string(failing)).c_str(), std::runtime_error);
      CHECK(ran == lanes);  // it waits for the others
      ran = 0;
      CHECK_NOTHROW(pool.run([&](int) { ++ran; }));  // and has forgotten the failure
      CHECK(ran == lanes);
    }
  }
}

TEST_CASE("pool: an exception in an item is thrown to the caller, whichever lane works on it") {
  cpu::Pool pool(2);
  for (const int failing : {0, 1}) {
    // Both lanes take an item each before either goes on, so that the failing one gets one for sure.
    std::atomic<int> arrived{0};
    CAPTURE(failing);
    CHECK_THROWS_WITH_AS(pool.for_each(2,
                                       [&](int lane, int) {
                                         ++arrived;
                                         while (arrived < 2) std::this_thread::yield();
                                         if (lane == failing) throw std::runtime_error("an item");
                                       }),
                         "an item", std::runtime_error);
    std::vector<std::atomic<int>> done(50);
    CHECK_NOTHROW(pool.for_each(50, [&](int, int i) { ++done[static_cast<std::size_t>(i)]; }));
    for (const auto& times : done) CHECK(times == 1);
  }
}

}  // namespace
}  // namespace deepzero::test
