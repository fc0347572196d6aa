// How native tests compare numbers. A comparison looks first for what a tolerance would let through: NaN and Inf,
// outputs never written, all zeros where something was expected, writes outside the buffer. Only then does it measure.
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <span>
#include <string>
#include <vector>

namespace deepzero::test {

/// A quiet NaN that no arithmetic makes: outputs and guard zones are filled with it.
inline constexpr std::uint32_t sentinel_bits = 0x7fc5a5a5;

inline float sentinel() { return std::bit_cast<float>(sentinel_bits); }
inline bool is_sentinel(float value) { return std::bit_cast<std::uint32_t>(value) == sentinel_bits; }

/// An output of n floats between two guard zones, everything prefilled with the sentinel.
class Output {
 public:
  explicit Output(std::size_t n) : n_(n), storage_(n + 2 * guard, sentinel()) {}
  float* data() { return storage_.data() + guard; }
  std::span<const float> values() const { return {storage_.data() + guard, n_}; }
  /// Empty, or which float outside the buffer was written.
  std::string written_outside() const {
    for (std::size_t i = 0; i < storage_.size(); ++i) {
      if (i >= guard && i < guard + n_) continue;
      if (is_sentinel(storage_[i])) continue;
      return "a write outside the buffer of " + std::to_string(n_) + " floats, at index " +
             std::to_string(static_cast<long long>(i) - static_cast<long long>(guard));
    }
    return "";
  }

 private:
  static constexpr std::size_t guard = 64;  // four AVX-512 vectors
  std::size_t n_;
  std::vector<float> storage_;
};

/// An input whose last float ends at a page that cannot be read: a kernel that reads beyond it dies. Emulators may read
/// the masked-out lanes of a masked load (QEMU 7.2 does): with DEEPZERO_TEST_EMULATED set, memory that may be read
/// stands on either side of the input.
class Input {
 public:
  explicit Input(std::span<const float> values) : n_(values.size()) {
    const std::size_t page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    const std::size_t margin = std::getenv("DEEPZERO_TEST_EMULATED") != nullptr ? 64 : 0;
    const std::size_t used = ((n_ + 2 * margin) * sizeof(float) + page - 1) / page * page;
    bytes_ = used + page;
    base_ = static_cast<std::byte*>(mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED || mprotect(base_ + used, page, PROT_NONE) != 0) throw std::bad_alloc();
    data_ = reinterpret_cast<float*>(base_ + used) - margin - n_;
    std::copy(values.begin(), values.end(), data_);
    std::fill_n(data_ + n_, margin, sentinel());
  }
  ~Input() { munmap(base_, bytes_); }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  float* data() { return data_; }
  std::span<const float> values() const { return {data_, n_}; }

 private:
  std::size_t n_;
  std::size_t bytes_ = 0;
  std::byte* base_ = nullptr;
  float* data_ = nullptr;
};

/// Empty when `got` agrees with `expected`, otherwise what is wrong. Errors are relative to `magnitude`, in the 2-norm
/// and in the maximum: the sum of the absolute values of an output's terms where terms cancel, or `expected` itself.
inline std::string compare(std::span<const float> got, std::span<const float> expected,
                           std::span<const float> magnitude, double tolerance) {
  if (got.size() != expected.size() || got.size() != magnitude.size()) return "sizes differ";
  if (got.empty()) return "nothing to compare";
  double error = 0, norm = 0, largest_error = 0, largest = 0;
  bool zeros = true, expected_zeros = true;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const std::string at = " at index " + std::to_string(i);
    if (is_sentinel(got[i])) return "never written" + at;
    if (!std::isfinite(expected[i]) || !std::isfinite(magnitude[i])) return "the expected value is not finite" + at;
    if (!std::isfinite(got[i])) return "not finite" + at;
    zeros = zeros && got[i] == 0.0f;
    expected_zeros = expected_zeros && expected[i] == 0.0f;
    const double difference = static_cast<double>(got[i]) - static_cast<double>(expected[i]);
    const double size = static_cast<double>(magnitude[i]);
    error += difference * difference;
    norm += size * size;
    largest_error = std::max(largest_error, std::abs(difference));
    largest = std::max(largest, std::abs(size));
  }
  if (zeros && !expected_zeros) return "all zeros where something else was expected";
  if (norm == 0) return error == 0 ? "" : "not zero where zeros were expected";
  error = std::sqrt(error / norm);
  if (!(error <= tolerance)) return "relative error " + std::to_string(error / tolerance) + " times the tolerance";
  largest_error /= largest;
  if (!(largest_error <= tolerance)) {
    return "largest error " + std::to_string(largest_error / tolerance) + " times the tolerance";
  }
  return "";
}

inline std::string compare(std::span<const float> got, std::span<const float> expected, double tolerance) {
  return compare(got, expected, expected, tolerance);
}

/// As compare(), of an output with its guard zones.
inline std::string compare(const Output& got, std::span<const float> expected, std::span<const float> magnitude,
                           double tolerance) {
  const std::string outside = got.written_outside();
  return outside.empty() ? compare(got.values(), expected, magnitude, tolerance) : outside;
}

inline std::string compare(const Output& got, std::span<const float> expected, double tolerance) {
  return compare(got, expected, expected, tolerance);
}

/// Empty when every value equals the expected one (±0 are equal, NaN equals NaN but not the sentinel).
inline std::string compare_exact(const Output& got, std::span<const float> expected) {
  const std::string outside = got.written_outside();
  if (!outside.empty()) return outside;
  const std::span<const float> values = got.values();
  if (values.size() != expected.size()) return "sizes differ";
  if (values.empty()) return "nothing to compare";
  for (std::size_t i = 0; i < values.size(); ++i) {
    const std::string at = " at index " + std::to_string(i);
    if (is_sentinel(values[i])) return "never written" + at;
    if (std::isnan(values[i]) != std::isnan(expected[i])) return "NaN on one side only" + at;
    if (!std::isnan(expected[i]) && !(values[i] == expected[i])) return "not equal" + at;
  }
  return "";
}

}  // namespace deepzero::test
