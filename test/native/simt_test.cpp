// The SIMT runtime itself: right kernels run, and kernels that are wrong in one of the usual ways fail, in every order
// of threads or in one that the tests of the backend try.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <numeric>
#include <string>
#include <vector>

#include "test/native/simt/include/cuda_runtime.h"
#include "test/native/simt_orders.h"

namespace deepzero::test {
namespace {

constexpr unsigned kThreads = 64;

/// Device memory of n floats, a stream, and what a launch over them gave.
class Bench {
 public:
  explicit Bench(std::size_t n) : n_(n) {
    REQUIRE(cudaMalloc(reinterpret_cast<void**>(&data_), n * sizeof(float)) == cudaSuccess);
    REQUIRE(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking) == cudaSuccess);
  }
  ~Bench() {
    cudaStreamDestroy(stream_);
    cudaFree(data_);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  float* data() { return data_; }
  cudaStream_t stream() { return stream_; }
  /// One launch; the message of its failure, or nothing.
  template <class Kernel>
  std::string run(dim3 grid, dim3 block, std::size_t shared_bytes, const Kernel& kernel) {
    float* const data = data_;
    simt::launch("kernel", grid, block, shared_bytes, stream_, [=] { kernel(data); });
    return cudaStreamSynchronize(stream_) == cudaSuccess ? "" : simt::last_failure();
  }
  std::vector<float> values() {
    std::vector<float> copy(n_);
    cudaMemcpyAsync(copy.data(), data_, n_ * sizeof(float), cudaMemcpyDeviceToHost, stream_);
    cudaStreamSynchronize(stream_);
    return copy;
  }

 private:
  std::size_t n_;
  float* data_ = nullptr;
  cudaStream_t stream_ = nullptr;
};

bool holds(const std::vector<float>& got, const std::vector<float>& expected) {
  return std::memcmp(got.data(), expected.data(), expected.size() * sizeof(float)) == 0;
}

float* shared() { return static_cast<float*>(simt::shared_memory()); }

/// In how many of the orders a kernel gives these values.
template <class Kernel>
int orders_with(const std::vector<float>& expected, const Kernel& kernel) {
  int right = 0;
  for_each_order([&] {
    Bench bench(expected.size());
    CHECK(bench.run(1, kThreads, kThreads * sizeof(float), kernel) == "");
    right += holds(bench.values(), expected) ? 1 : 0;
  });
  return right;
}

/// Each thread takes what its neighbour wrote.
std::vector<float> rotated() {
  std::vector<float> expected(kThreads);
  for (unsigned i = 0; i < kThreads; ++i) expected[i] = static_cast<float>((i + 1) % kThreads);
  return expected;
}

TEST_CASE("simt: blocks, threads, shared memory and barriers") {
  for_each_order([] {
    Bench bench(2 * 3 * kThreads);
    CHECK(bench.run({2, 3}, {8, 8}, kThreads * sizeof(float), [](float* out) {
      const unsigned thread = threadIdx.y * blockDim.x + threadIdx.x;
      shared()[thread] = static_cast<float>(thread);
      __syncthreads();
      out[(blockIdx.y * gridDim.x + blockIdx.x) * kThreads + thread] = shared()[(thread + 1) % kThreads];
    }) == "");
    for (int block = 0; block < 6; ++block) {
      const std::vector<float> all = bench.values();
      CHECK(holds({all.begin() + block * 64, all.begin() + (block + 1) * 64}, rotated()));
    }
  });
}

TEST_CASE("simt: warp operations") {
  for_each_order([] {
    Bench bench(kThreads);
    CHECK(bench.run(1, kThreads, 0, [](float* out) {
      float sum = static_cast<float>(threadIdx.x);
      for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(~0u, sum, step);
      const unsigned votes = __ballot_sync(~0u, threadIdx.x % 2 == 0 ? 1 : 0);
      out[threadIdx.x] = sum + (votes == 0x55555555u ? 0.5f : 0.0f) + __shfl_sync(~0u, sum, 3);
    }) == "");
    std::vector<float> expected(kThreads, 2 * 496 + 0.5f);
    std::fill(expected.begin() + 32, expected.end(), 2 * 1520 + 0.5f);
    CHECK(holds(bench.values(), expected));
  });
}

TEST_CASE("simt: a missing barrier shows in some order") {
  const int right = orders_with(rotated(), [](float* out) {
    shared()[threadIdx.x] = static_cast<float>(threadIdx.x);
    out[threadIdx.x] = shared()[(threadIdx.x + 1) % kThreads];
  });
  CHECK(right < kOrders);
}

TEST_CASE("simt: a missing second barrier, where shared memory is used again, shows in some order") {
  const int right = orders_with(rotated(), [](float* out) {
    shared()[threadIdx.x] = static_cast<float>(threadIdx.x);
    __syncthreads();
    const float taken = shared()[(threadIdx.x + 1) % kThreads];
    shared()[threadIdx.x] = -1.0f;
    out[threadIdx.x] = taken;
  });
  CHECK(right < kOrders);
}

TEST_CASE("simt: a missing barrier between warps shows, whatever they do in step with their own lanes") {
  const int right = orders_with(rotated(), [](float* out) {
    shared()[threadIdx.x] = static_cast<float>(threadIdx.x);
    __syncthreads();
    __syncwarp();
    const float taken = shared()[(threadIdx.x + 1) % kThreads];
    __syncwarp();
    shared()[threadIdx.x] = -1.0f;
    out[threadIdx.x] = taken;
  });
  CHECK(right < kOrders);
}

TEST_CASE("simt: a barrier that some threads do not reach ends the launch") {
  for_each_order([] {
    Bench bench(kThreads);
    const std::string left = bench.run(1, kThreads, 0, [](float*) {
      if (threadIdx.x < 10) return;
      __syncthreads();
    });
    CHECK(left.find("10 of 64 have left") != std::string::npos);
    const std::string apart = bench.run(1, kThreads, 0, [](float*) {
      if (threadIdx.x < 10)
        __syncthreads();
      else
        __syncthreads();
    });
    CHECK(apart.find("threads diverge") != std::string::npos);
    const std::string warp = bench.run(1, kThreads, 0, [](float* out) {
      if (threadIdx.x != 5) out[threadIdx.x] = __shfl_xor_sync(~0u, 1.0f, 1);
    });
    CHECK(warp.find("threads diverge") != std::string::npos);
    // The machine is as good as new afterwards.
    CHECK(bench.run(1, kThreads, 0, [](float* out) {
      __syncthreads();
      out[threadIdx.x] = 1.0f;
    }) == "");
    CHECK(holds(bench.values(), std::vector<float>(kThreads, 1.0f)));
  });
}

TEST_CASE("simt: memory that nobody wrote is NaN") {
  Bench bench(2 * kThreads);
  CHECK(bench.run(2, kThreads, kThreads * sizeof(float), [](float* out) {
    const float before = shared()[threadIdx.x];  // also in the second block
    shared()[threadIdx.x] = 1.0f;
    if (threadIdx.x > 0) out[blockIdx.x * kThreads + threadIdx.x] = before;
  }) == "");
  for (const float value : bench.values()) CHECK(std::isnan(value));
}

TEST_CASE("simt: copies land at the wait for their group, not before") {
  constexpr unsigned kFloats = 4;
  for (const bool waits : {true, false}) {
    Bench bench(4 * kFloats);
    std::vector<float> source(8);
    std::iota(source.begin(), source.end(), 1.0f);
    // Aligned memory for the sources.
    Bench input(8);
    cudaMemcpyAsync(input.data(), source.data(), 8 * sizeof(float), cudaMemcpyHostToDevice, input.stream());
    cudaStreamSynchronize(input.stream());
    const float* from = input.data();
    CHECK(bench.run(1, 1, 8 * sizeof(float), [=](float* out) {
      simt::copy_async(shared(), from, 16, 16);
      simt::commit_copies();
      simt::copy_async(shared() + kFloats, from + kFloats, 16, 8);  // zeros behind two floats
      simt::commit_copies();
      if (waits) simt::wait_for_copies(1);
      for (unsigned i = 0; i < 8; ++i) out[i] = shared()[i];
      if (waits) simt::wait_for_copies(0);
      for (unsigned i = 0; i < 8; ++i) out[8 + i] = shared()[i];
    }) == "");
    const std::vector<float> got = bench.values();
    CHECK(std::isnan(got[4]));
    CHECK(std::isnan(got[0]) == !waits);
    if (waits) CHECK(holds({got.begin() + 8, got.end()}, {1, 2, 3, 4, 5, 6, 0, 0}));
  }
  Bench bench(1);
  CHECK(bench.run(1, 1, 64, [](float* out) { simt::copy_async(shared() + 1, out, 16, 4); }).find("cp.async") !=
        std::string::npos);
}

#if !defined(__SANITIZE_ADDRESS__)
// AddressSanitizer ends the process instead.
TEST_CASE("simt: a write outside device or shared memory fails") {
  for (const int index : {-1, 64}) {
    Bench bench(kThreads);
    CHECK(bench.run(1, 1, 0, [=](float* out) { out[index] = 1.0f; }).find("outside an allocation") !=
          std::string::npos);
    Bench other(kThreads);
    CHECK(other.run(1, 1, kThreads * sizeof(float), [=](float*) { shared()[index] = 1.0f; })
              .find("outside the block's shared memory") != std::string::npos);
  }
}
#endif

TEST_CASE("simt: a stream does its work when it is waited for, and waits for events of others") {
  Bench first(1), second(1);
  float* const from = first.data();
  cudaEvent_t event;
  cudaEventCreateWithFlags(&event, cudaEventDisableTiming);
  simt::launch("write", 1, 1, 0, first.stream(), [=] { *from = 7.0f; });
  cudaEventRecord(event, first.stream());
  CHECK(std::isnan(*from));
  cudaStreamWaitEvent(second.stream(), event);
  CHECK(second.run(1, 1, 0, [=](float* out) { *out = *from; }) == "");
  CHECK(second.values()[0] == 7.0f);
  cudaEventDestroy(event);
}

TEST_CASE("simt: device memory ends where the test says") {
  simt::set_devices({.memory = 1000});
  void *first = nullptr, *second = nullptr;
  CHECK(cudaMalloc(&first, 600) == cudaSuccess);
  CHECK(cudaMalloc(&second, 600) == cudaErrorMemoryAllocation);
  cudaFree(first);
  CHECK(cudaMalloc(&second, 600) == cudaSuccess);
  cudaFree(second);
  simt::set_devices({});
}

TEST_CASE("simt: launches that no device takes are refused") {
  Bench bench(1);
  CHECK(bench.run(1, 1025, 0, [](float*) {}) != "");
  CHECK(bench.run({1, 70000}, 32, 0, [](float*) {}) != "");
  CHECK(bench.run(1, 32, 300 << 10, [](float*) {}) != "");
}

}  // namespace
}  // namespace deepzero::test
