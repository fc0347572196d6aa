// Fresh random inputs for every run, from a seed that main.cpp prints; DEEPZERO_TEST_SEED repeats a run.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace deepzero::test {

/// Of this run.
std::uint64_t test_seed();

/// Uniform in [−1, 1), from the seed of the run and a generator that all tests of it share.
inline std::mt19937_64& generator() {
  static std::mt19937_64 shared(test_seed());
  return shared;
}

inline std::vector<float> random_values(std::size_t n) {
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> values(n);
  for (float& value : values) value = uniform(generator());
  return values;
}

}  // namespace deepzero::test
