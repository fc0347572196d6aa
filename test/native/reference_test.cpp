// The reference cases, computed by an independent framework in float64, on both backends: in the folder that
// DEEPZERO_REFERENCE names, or beside the checkout. CUDA runs over the SIMT runtime, where one small case is enough;
// with DEEPZERO_CUDA_LIBRARY naming a libdeepzero_cuda.so, all of them on the devices of this machine.
#include <doctest/doctest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "bench/networks.h"
#include "bench/reference_check.h"
#include "cpu/backend.h"
#include "cuda/backend.h"
#include "cuda/client/backend.h"
#include "engine/error.h"
#include "test/native/error_code.h"

namespace deepzero::test {
namespace {

using bench::Deviation;
using bench::Reference;

/// Where the cases are, or an empty path after a line that says so.
std::string folder() {
  const char* named = std::getenv("DEEPZERO_REFERENCE");
  const std::filesystem::path path =
      named != nullptr && *named != '\0'
          ? std::filesystem::path(named)
          : std::filesystem::path(DEEPZERO_SOURCE).parent_path() / "shared" / "reference";
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return path.string();
  std::cout << "SKIP: no reference cases at " << path << "; DEEPZERO_REFERENCE names their folder" << std::endl;
  return "";
}

void check(const Reference& reference, std::unique_ptr<Backend> backend, Precision precision, std::size_t most = 0) {
  Session session(std::make_shared<const Network>(reference.model.spec), std::move(backend));
  const std::vector<Deviation> lines = bench::check_reference(session, reference, precision, most);
  CHECK(lines.size() == 4 + reference.cge.size());
  for (const Deviation& line : lines) {
    INFO(reference.name << " " << std::string(precision_name(precision)) << " " << line.name << ": error " << line.error
                        << ", allowed " << line.tolerance);
    CHECK(line.passed());
  }
}

TEST_CASE("reference: every case on the CPU, in both precisions") {
  const std::string cases = folder();
  if (cases.empty()) return;
  for (const std::string& name : bench::reference_names(cases)) {
    const Reference reference = bench::read_reference(cases, name);
    const auto network = std::make_shared<const Network>(reference.model.spec);
    for (const Precision precision : {Precision::f32, Precision::bf16})
      check(reference, cpu::make_backend(network, {.storage = cpu::storage_of(precision)}), precision);
  }
}

TEST_CASE("cuda: reference: every case on the devices; over the SIMT runtime, some coordinates of a small one") {
  const std::string cases = folder();
  if (cases.empty()) return;
  const char* library = std::getenv("DEEPZERO_CUDA_LIBRARY");
  if (library == nullptr || *library == '\0') {
    const Reference reference = bench::read_reference(cases, "cnn2x8-init");
    const auto network = std::make_shared<const Network>(reference.model.spec);
    for (const Precision precision : {Precision::f32, Precision::f16, Precision::bf16})
      check(reference, cuda::make_backend(network, {.precision = precision}), precision, 30);
    return;
  }
  for (const std::string& name : bench::reference_names(cases)) {
    const Reference reference = bench::read_reference(cases, name);
    const auto network = std::make_shared<const Network>(reference.model.spec);
    for (const Precision precision : {Precision::f32, Precision::f16, Precision::bf16})
      check(reference, cuda::make_client(cuda::library(), reference.model.spec, network, {.precision = precision}),
            precision);
  }
}

TEST_CASE("reference: a session with other weights, and estimates that are off, are found") {
  const std::string cases = folder();
  if (cases.empty()) return;
  Reference reference = bench::read_reference(cases, "cnn2x8-init");
  const auto network = std::make_shared<const Network>(reference.model.spec);
  const auto lines = [&] {
    Session session(network, cpu::make_backend(network, {}));
    return bench::check_reference(session, reference, Precision::f32);
  };
  for (auto& [mu, values] : reference.cge) values.front() = std::nan("");
  for (const Deviation& line : lines()) CHECK(line.passed() == !line.name.starts_with("cge"));
  reference.model.parameters.front() += 0.01f;
  for (const Deviation& line : lines()) CHECK(!line.passed());
}

TEST_CASE("reference: names of networks; folders without cases and cases of other networks are refused") {
  CHECK(bench::reference_network("resnet20-init") == "resnet20");
  CHECK(bench::reference_network("cnn2x8-init") == "cnn-2x8");
  CHECK(error_code([] { bench::reference_names("/nowhere/at/all"); }) == "ERR_FILE");
  CHECK(error_code([] { bench::reference_names(std::string(DEEPZERO_SOURCE) + "/bench"); }) == "ERR_FILE");
  CHECK(error_code([] { bench::read_reference(DEEPZERO_SOURCE, "resnet20-none"); }) == "ERR_INVALID_ARGUMENT");
}

}  // namespace
}  // namespace deepzero::test
