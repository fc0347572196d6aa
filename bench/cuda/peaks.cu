#include "bench/cuda/peaks.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "bench/cuda/event.h"
#include "bench/cuda/peak_kernels.cuh"
#include "cuda/launch.cuh"
#include "cuda/memory.h"
#include "engine/error.h"

namespace deepzero::bench {
namespace {

using cuda::DeviceBuffer;
using cuda::Stream;

[[noreturn]] void wrong(const char* kernel) {
  throw Error("ERR_INTERNAL", std::string(kernel) + ": the kernel has not done its work; nothing was timed");
}

class Measurement {
 public:
  explicit Measurement(const PeakSizes& sizes) : sizes_(sizes) {
    int device = 0;
    cuda::check(cudaGetDevice(&device), "cudaGetDevice");
    cuda::check(cudaGetDeviceProperties(&properties_, device), "cudaGetDeviceProperties");
    grid_ = static_cast<unsigned>(properties_.multiProcessorCount * sizes.blocks);
    sums_.reserve(threads());
  }

  const cudaDeviceProp& properties() const { return properties_; }

  /// Operations per second of a kernel (…, rounds, out) whose threads each leave `sum` per round.
  template <class Argument>
  double operations(const char* name, void (*kernel)(Argument, int, float*), Argument argument, double sum,
                    double operations_per_thread) {
    const auto run = [&](std::size_t rounds) {
      cuda::launch(name, kernel, grid_, kPeakThreads, 0, stream_, argument, static_cast<int>(rounds), sums_.data());
    };
    run(3);
    std::vector<float> got(threads());
    stream_.to_host(got.data(), sums_.data(), got.size());
    stream_.wait();
    for (const float value : got)
      if (!(value == static_cast<float>(3 * sum))) wrong(name);
    return static_cast<double>(threads()) * operations_per_thread * rounds_per_second(run);
  }

  /// Bytes per second, read and written, of copies between two arrays of `size` bytes.
  double copies(std::size_t size) {
    const std::size_t count = size / sizeof(uint4);
    DeviceBuffer<uint4> from, to;
    from.reserve(count);
    to.reserve(count);
    cuda::check(cudaMemsetAsync(from.data(), 0x5a, count * sizeof(uint4), stream_.get()), "cudaMemsetAsync");
    const auto run = [&](std::size_t rounds) {
      cuda::launch("copy_loop", copy_loop, grid_, kPeakThreads, 0, stream_, static_cast<const uint4*>(from.data()),
                   to.data(), count, static_cast<int>(rounds));
    };
    run(1);
    std::vector<uint4> got(count);
    stream_.to_host(got.data(), to.data(), count);
    stream_.wait();
    for (const uint4& value : got)
      if (value.x != 0x5a5a5a5a || value.w != 0x5a5a5a5a) wrong("copy_loop");
    return 2.0 * static_cast<double>(count * sizeof(uint4)) * rounds_per_second(run);
  }

  /// Bytes of an array that may be used for copies through memory: far more than the cache, no more than is free.
  std::size_t memory_size() const {
    std::size_t free = 0, total = 0;
    cuda::check(cudaMemGetInfo(&free, &total), "cudaMemGetInfo");
    return std::min(sizes_.memory, free / 4);
  }

 private:
  std::size_t threads() const { return static_cast<std::size_t>(grid_) * kPeakThreads; }

  template <class Run>
  double rounds_per_second(const Run& run) {
    Event begin, end;
    const auto seconds = [&](std::size_t rounds) {
      begin.record(stream_);
      run(rounds);
      end.record(stream_);
      return end.seconds_since(begin);
    };
    std::size_t rounds = 1;
    while (seconds(rounds) < sizes_.seconds && rounds < sizes_.most_rounds) rounds *= 2;  // also the warm-up
    double least = seconds(rounds);
    for (int i = 1; i < sizes_.runs; ++i) least = std::min(least, seconds(rounds));
    return static_cast<double>(rounds) / least;
  }

  const PeakSizes& sizes_;
  cudaDeviceProp properties_{};
  unsigned grid_ = 0;
  Stream stream_;
  DeviceBuffer<float> sums_;
};

}  // namespace

Peaks measure_peaks(const PeakSizes& sizes) {
  Measurement on(sizes);
  const cudaDeviceProp& device = on.properties();
  Peaks peaks{.name = device.name,
              .multiprocessors = device.multiProcessorCount,
              .major = device.major,
              .minor = device.minor,
              .l2 = static_cast<std::size_t>(device.l2CacheSize)};
  const double of_warp = kMatrixSums * kMatrixOperations / kWarpSize, sum = kMatrixSums * 4 * 16;
  peaks.mma_f16 = on.operations("matrix_loop f16", matrix_loop<__half>, kOnes<__half>, sum, of_warp);
  peaks.mma_bf16 = on.operations("matrix_loop bf16", matrix_loop<__nv_bfloat16>, kOnes<__nv_bfloat16>, sum, of_warp);
  peaks.fma = on.operations("scalar_loop", scalar_loop, 1.0f, double{kScalarSums}, 2.0 * kScalarSums);
  peaks.memory = on.copies(on.memory_size());
  // Both arrays in half of the cache, so that neither drives out the other.
  peaks.l2_copy = on.copies(std::max<std::size_t>(peaks.l2 / 4, std::size_t{1} << 16));
  return peaks;
}

}  // namespace deepzero::bench
