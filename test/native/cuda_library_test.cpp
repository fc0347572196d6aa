// The CUDA backend behind its interface: the loader and what it says when there is nothing to use, the devices that a
// probe finds, and estimates through a library opened at run time, here the one over the SIMT runtime.
#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "bench/networks.h"
#include "cuda/backend.h"
#include "cuda/client/backend.h"
#include "cuda/client/library.h"
#include "cuda/probe.h"
#include "engine/session.h"
#include "test/native/error_code.h"
#include "test/native/random_graph.h"
#include "test/native/simt/simt.h"

namespace deepzero::test {
namespace {

bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

TEST_CASE("cuda library: estimates through the interface are those of the backend, bit for bit") {
  const cuda::Library library = cuda::open_library(DEEPZERO_CUDA_SIMT);
  REQUIRE(library.reason == "");
  CHECK(std::string(library.probe->devices[0].name) == "SIMT host 0");
  for (int graph = 0; graph < 6; ++graph) {
    const NetworkSpec spec = random_graph();
    INFO("graph " << network_json(spec));
    const auto network = std::make_shared<const Network>(spec);
    const std::vector<float> parameters = random_parameters(*network), buffers = random_buffers(*network);
    const RandomBatch batch(*network, 3);
    const double label_smoothing = random_smoothing(spec);
    std::vector<std::uint32_t> coordinates;
    for (std::uint32_t i = 0; i < network->parameter_count(); i += 1 + i / 8) coordinates.push_back(i);
    const Directions directions(*network, Distribution::gaussian, 2);
    const auto run = [&](std::unique_ptr<Backend> backend) {
      Session session(network, std::move(backend));
      session.set_parameters(parameters);
      session.set_buffers(buffers);
      const DifferencesOptions query{.mu = 1e-3, .statistics = Statistics::running, .label_smoothing = label_smoothing};
      return std::vector{session.differences(batch.batch(), coordinates, query, {}).values,
                         session.random_differences(batch.batch(), directions, {.query = query, .count = 3}, {}).values,
                         session.output_differences(batch.batch(), {parameters, buffers}, coordinates,
                                                    {.statistics = Statistics::running}, {}),
                         session.forward(batch.batch(), {}, {}).outputs};
    };
    const auto direct = run(cuda::make_backend(network, {}));
    const auto through = run(cuda::make_client(library, spec, network, {.streams = 3}));
    for (std::size_t i = 0; i < direct.size(); ++i) CHECK(same_bits(direct[i], through[i]));
  }
}

TEST_CASE("cuda library: errors and cancellation come through the interface") {
  const cuda::Library library = cuda::open_library(DEEPZERO_CUDA_SIMT);
  const NetworkSpec spec = bench::network_spec("cnn-1x4");
  const auto network = std::make_shared<const Network>(spec);
  const auto backend = cuda::make_client(library, spec, network, {});
  CHECK(backend->info().device == "cuda");
  CHECK(backend->info().isa == "sm_90");
  const auto small = cuda::make_client(library, spec, network, {.memory = 10000});
  CHECK(error_code([&] { small->block(0, Statistics::batch, 100); }) == "ERR_OUT_OF_MEMORY");
  CHECK(error_code([&] { cuda::make_client(library, spec, network, {.devices = {9}}); }) == "ERR_DEVICE");
  const std::atomic<bool> cancelled{true};
  const RandomBatch batch(*network, 2);
  backend->load(random_parameters(*network), random_buffers(*network));
  CHECK(error_code([&] {
          backend->base(batch.batch(), Statistics::batch, true, {&cancelled, nullptr});
        }) == "ERR_ABORTED");
}

TEST_CASE("cuda library: a missing, broken or older library is not used, and the reason says so") {
  const cuda::Library missing = cuda::open_library("/no/such/libdeepzero_cuda.so");
  CHECK(missing.table == nullptr);
  CHECK(missing.reason.find("is not part of this build") != std::string::npos);

  const std::filesystem::path broken = std::filesystem::temp_directory_path() / "deepzero-broken.so";
  std::ofstream(broken) << "no library";
  CHECK(cuda::open_library(broken).reason.find("cannot be opened") != std::string::npos);
  std::filesystem::remove(broken);

  const cuda::Library old = cuda::open_library(DEEPZERO_CUDA_SIMT_OLD);
  CHECK(old.table == nullptr);
  CHECK(old.reason.find("of another version") != std::string::npos);
  const NetworkSpec spec = bench::network_spec("cnn-1x4");
  CHECK_THROWS_WITH_AS(cuda::make_client(old, spec, std::make_shared<const Network>(spec), {}), old.reason.c_str(),
                       Error);
}

TEST_CASE("cuda: the probe says which devices can be used, and if none, why") {
  const auto verdict = [](const simt::Devices& devices, const char* text) {
    simt::set_devices(devices);
    const cuda::api::Probe found = cuda::probe();
    CHECK(std::string(found.message).find(text) != std::string::npos);
    simt::set_devices({});
    return found.verdict;
  };
  using Verdict = cuda::api::Verdict;
  CHECK(verdict({}, "") == Verdict::usable);
  CHECK(verdict({.driver = 0}, "no NVIDIA driver") == Verdict::no_driver);
  CHECK(verdict({.driver = 12020}, "supports CUDA 12.2, expected 13.0") == Verdict::driver_too_old);
  CHECK(verdict({.count = 0}, "no CUDA device can be seen") == Verdict::no_device);
  CHECK(verdict({.major = 7, .minor = 5}, "has compute capability 7.5") == Verdict::device_too_old);
  CHECK(verdict({.count = 1, .mute = 0}, "0: does not answer") == Verdict::failed);
  simt::set_devices({.count = 5, .old = 1, .mute = 3});
  const cuda::api::Probe found = cuda::probe();
  simt::set_devices({});
  CHECK(found.verdict == Verdict::usable);
  REQUIRE(found.count == 3);
  for (int i = 0; i < 3; ++i) CHECK(found.devices[i].ordinal == 2 * i);
  REQUIRE(found.rejected_count == 2);
  CHECK(found.rejected[0].ordinal == 1);
  CHECK(std::string(found.rejected[0].name) == "SIMT host 1");
  CHECK(std::string(found.rejected[0].reason) == "has compute capability 7.5, expected 8.0 or newer");
  CHECK(found.rejected[1].ordinal == 3);
  CHECK(std::string(found.rejected[1].name) == "");
  CHECK(std::string(found.rejected[1].reason).find("does not answer") == 0);
}

}  // namespace
}  // namespace deepzero::test
