// Fresh random inputs for every run, from a seed that main.cpp prints; DEEPZERO_TEST_SEED repeats a run.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace deepzero::test {

/// Of this run.
std::uint64_t test_seed();

/// Starts anew with every case (main.cpp), from the seed of the run and the case's name: a case that fails among all
/// others fails alone with the same seed.
inline std::mt19937_64& generator() {
  static std::mt19937_64 shared;
  return shared;
}

/// Uniform in [−1, 1).
inline std::vector<float> random_values(std::size_t n) {
  std::uniform_real_distribution<float> uniform(-1.0f, 1.0f);
  std::vector<float> values(n);
  for (float& value : values) value = uniform(generator());
  return values;
}

}  // namespace deepzero::test
