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

#include "engine/rules/bfloat16.h"
#include "test/native/simt/include/cuda_bf16.h"
#include "test/native/simt/include/cuda_fp16.h"
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

TEST_CASE("simt: the largest value of a warp") {
  for_each_order([] {
    Bench bench(kThreads);
    CHECK(bench.run(1, kThreads, 0, [](float* out) {
      out[threadIdx.x] =
          static_cast<float>(__reduce_max_sync(~0u, (threadIdx.x * 5u) % 64u + threadIdx.x / 32u * 100u));
    }) == "");
    std::vector<float> expected(kThreads, 61);
    std::fill(expected.begin() + 32, expected.end(), 163);
    CHECK(holds(bench.values(), expected));
  });
}

TEST_CASE("simt: float16 and bfloat16 are widened exactly and rounded to nearest, ties to even") {
  for (unsigned bits = 0; bits < 0x10000; ++bits) {
    const auto word = static_cast<std::uint16_t>(bits);
    const float half = __half2float({word}), brain = __bfloat162float({word});
    if (!std::isnan(half)) CHECK(__half_as_ushort(__float2half_rn(half)) == word);
    if (!std::isnan(brain)) CHECK(__bfloat16_as_ushort(__float2bfloat16_rn(brain)) == word);
    CHECK(std::isnan(half) == ((bits & 0x7fffu) > 0x7c00u));
  }
  const auto half = [](float value) { return __half2float(__float2half_rn(value)); };
  for (const auto& [value, expected] : {std::pair{2049.0f, 2048.0f},
                                        {2051.0f, 2052.0f},
                                        {65519.0f, 65504.0f},
                                        {65520.0f, INFINITY},
                                        {-0x1.8p-24f, -0x1p-23f},
                                        {0x1p-25f, 0.0f},
                                        {0x1.ffep-15f, 0x1p-14f}})
    CHECK(half(value) == expected);
  CHECK(half(0x1.2p-3f) == 0x1.2p-3f);
  CHECK(std::isnan(half(NAN)));
  for (const float value : random_values(1000))
    CHECK(__bfloat16_as_ushort(__float2bfloat16_rn(value)) == rules::to_bfloat16(value));
  CHECK(std::isnan(__bfloat162float(__float2bfloat16_rn(NAN))));
}

std::uint16_t bits_of(__half value) { return __half_as_ushort(value); }
std::uint16_t bits_of(__nv_bfloat16 value) { return __bfloat16_as_ushort(value); }

/// c[16][8] = a[16][16]·b[16][8] by one warp, whose lanes hold what the PTX manual says of m16n8k16. Numbers of T come
/// from number(float).
template <class T, class Number>
void check_product(const Number& number) {
  const auto a = [](unsigned row, unsigned k) { return static_cast<float>((row * 7 + k * 3) % 13) - 6.0f; };
  const auto b = [](unsigned k, unsigned column) { return static_cast<float>((k * 5 + column * 11) % 17) * 0.25f - 2; };
  std::vector<float> expected(16 * 8, 1);
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned column = 0; column < 8; ++column)
      for (unsigned k = 0; k < 16; ++k) expected[row * 8 + column] += a(row, k) * b(k, column);
  for_each_order([&] {
    Bench bench(16 * 8);
    CHECK(bench.run(1, 32, 0, [=](float* out) {
      const auto pair = [&](float first, float second) {
        return bits_of(number(first)) | static_cast<std::uint32_t>(bits_of(number(second))) << 16;
      };
      const unsigned group = threadIdx.x / 4, place = threadIdx.x % 4 * 2;
      float c[4] = {1, 1, 1, 1};
      std::uint32_t left[4], right[2];
      for (unsigned i = 0; i < 4; ++i) {
        const unsigned row = group + i % 2 * 8, k = place + i / 2 * 8;
        left[i] = pair(a(row, k), a(row, k + 1));
      }
      for (unsigned i = 0; i < 2; ++i) right[i] = pair(b(place + i * 8, group), b(place + i * 8 + 1, group));
      simt::multiply<T>(c, left, right, std::source_location::current());
      for (unsigned i = 0; i < 4; ++i) out[(group + i / 2 * 8) * 8 + place + i % 2] = c[i];
    }) == "");
    CHECK(holds(bench.values(), expected));  // small numbers: all sums are exact
  });
}

TEST_CASE("simt: the warp's matrix product of float16 and of bfloat16") {
  check_product<__half>(__float2half_rn);
  check_product<__nv_bfloat16>(__float2bfloat16_rn);
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
