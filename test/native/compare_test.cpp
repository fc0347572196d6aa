// The comparison itself: it must fail in every case that it exists for.
#include "test/native/compare.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <limits>

#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

constexpr double tolerance = 1e-6;

/// An output that holds `expected`, with the guard zones intact.
Output copy_of(const std::vector<float>& expected) {
  Output output(expected.size());
  std::copy(expected.begin(), expected.end(), output.data());
  return output;
}

bool mentions(const std::string& text, const char* what) { return text.find(what) != std::string::npos; }

TEST_CASE("compare accepts equal values and values within the tolerance") {
  std::vector<float> expected = random_values(100);
  Output output = copy_of(expected);
  CHECK(compare(output, expected, tolerance) == "");
  CHECK(compare_exact(output, expected) == "");
  output.data()[3] += 1e-7f;
  CHECK(compare(output, expected, tolerance) == "");
}

TEST_CASE("compare fails on NaN and Inf, wherever they stand") {
  const std::vector<float> expected = random_values(100);
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    for (const std::size_t at : {0u, 50u, 99u}) {
      Output output = copy_of(expected);
      output.data()[at] = bad;
      CHECK(mentions(compare(output, expected, tolerance), "not finite"));
      CHECK(compare_exact(output, expected) != "");
      std::vector<float> wrong = expected;
      wrong[at] = bad;
      CHECK(mentions(compare(copy_of(expected), wrong, tolerance), "not finite"));
      CHECK(mentions(compare(copy_of(wrong), wrong, tolerance), "not finite"));
      CHECK(compare(copy_of(expected), expected, wrong, tolerance) != "");
    }
  }
}

TEST_CASE("compare fails on an output that was never written") {
  const std::vector<float> expected = random_values(100);
  Output output = copy_of(expected);
  output.data()[99] = sentinel();
  CHECK(mentions(compare(output, expected, tolerance), "never written"));
  CHECK(mentions(compare_exact(output, expected), "never written"));
  CHECK(mentions(compare(Output(100), expected, tolerance), "never written"));
}

TEST_CASE("compare fails on zeros where something else was expected, whatever the tolerance") {
  const std::vector<float> expected = random_values(100);
  const Output zeros = copy_of(std::vector<float>(100, 0.0f));
  CHECK(mentions(compare(zeros, expected, 10.0), "zeros"));
  CHECK(compare_exact(zeros, expected) != "");
  CHECK(compare(zeros, std::vector<float>(100, 0.0f), tolerance) == "");
  CHECK(compare(copy_of(expected), std::vector<float>(100, 0.0f), tolerance) != "");
}

TEST_CASE("compare fails on a write outside the buffer, on both sides") {
  const std::vector<float> expected = random_values(100);
  for (const int at : {-64, -1, 100, 163}) {
    Output output = copy_of(expected);
    output.data()[at] = 0.0f;
    CHECK(mentions(compare(output, expected, tolerance), "outside"));
    CHECK(mentions(compare_exact(output, expected), "outside"));
  }
}

TEST_CASE("compare fails on an error above the tolerance, in the norm and in one element") {
  std::vector<float> expected = random_values(10000);
  Output output = copy_of(expected);
  for (std::size_t i = 0; i < expected.size(); ++i) output.data()[i] *= 1.00001f;
  CHECK(mentions(compare(output, expected, tolerance), "relative error"));
  Output one = copy_of(expected);
  one.data()[77] += 2e-6f;  // 2e-6 / (√(10000/3)) in the norm, 2e-6 in the maximum
  CHECK(mentions(compare(one, expected, tolerance), "largest error"));
  CHECK(compare_exact(one, expected) != "");
}

TEST_CASE("compare fails when there is nothing to compare or sizes differ") {
  CHECK(compare(Output(0), std::vector<float>(), tolerance) != "");
  CHECK(compare_exact(Output(0), std::vector<float>()) != "");
  CHECK(compare(copy_of(random_values(3)), random_values(4), tolerance) != "");
  CHECK(compare_exact(copy_of(random_values(3)), random_values(4)) != "");
}

TEST_CASE("an input ends where the readable memory ends") {
  const std::vector<float> values = random_values(33);
  Input input(values);
  CHECK(std::equal(values.begin(), values.end(), input.values().begin()));
  if (std::getenv("DEEPZERO_TEST_EMULATED") != nullptr) return;
  CHECK(reinterpret_cast<std::uintptr_t>(input.data() + 33) % static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE)) == 0);
}

}  // namespace
}  // namespace deepzero::test
