// Runs the native checks; says which seed and instruction sets they cover.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>

#include "cpu/isa.h"
#include "test/native/random_input.h"

namespace deepzero::test {

std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* forced = std::getenv("DEEPZERO_TEST_SEED");
    return forced != nullptr ? std::strtoull(forced, nullptr, 10) : std::uint64_t{std::random_device{}()};
  }();
  return seed;
}

}  // namespace deepzero::test

int main(int argc, char** argv) {
  std::cout << "DEEPZERO_TEST_SEED=" << deepzero::test::test_seed() << ", instruction sets:";
  for (const deepzero::cpu::Isa isa : deepzero::cpu::supported_isas()) {
    std::cout << ' ' << deepzero::cpu::isa_name(isa);
  }
  std::cout << std::endl;
  doctest::Context context(argc, argv);
  return context.run();
}
