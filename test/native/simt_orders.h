// Runs something in every order of the SIMT runtime's threads: forward, reverse, and a random one of this run.
#pragma once

#include "test/native/random_input.h"
#include "test/native/simt/simt.h"

namespace deepzero::test {

inline constexpr int kOrders = 3;

template <class Work>
void for_each_order(const Work& work) {
  for (const simt::Order order : {simt::Order::forward, simt::Order::reverse, simt::Order::random}) {
    simt::set_schedule({order, test_seed()});
    work();
  }
  simt::set_schedule({});
}

}  // namespace deepzero::test
