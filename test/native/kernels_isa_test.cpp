// The choice of the instruction set and the cap of DEEPZERO_MAX_ISA.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "cpu/isa.h"
#include "engine/error.h"
#include "test/native/isa_cap.h"

namespace deepzero::test {
namespace {

using cpu::Isa;

TEST_CASE("isa: the supported ones, best first, end with scalar") {
  const auto isas = cpu::supported_isas();
  REQUIRE(!isas.empty());
  CHECK(isas.back() == Isa::scalar);
  CHECK(std::is_sorted(isas.begin(), isas.end(), [](Isa a, Isa b) { return a > b; }));
}

TEST_CASE("isa: uncapped, the best one; a reason unless it is the best of the package") {
  const Cap cap(nullptr);
  const cpu::IsaChoice choice = cpu::choose_isa();
  CHECK(choice.isa == cpu::supported_isas().front());
  CHECK(choice.reason.empty() == (choice.isa == cpu::platform_isas().front()));
}

TEST_CASE("isa: a cap is kept and named, the environment is read at each call") {
  for (const Isa most : cpu::platform_isas()) {
    const Cap cap(cpu::isa_name(most));
    const cpu::IsaChoice choice = cpu::choose_isa();
    CHECK(choice.isa <= most);
    CHECK(choice.isa == std::min(most, cpu::supported_isas().front()));
    const bool capped = choice.isa < cpu::supported_isas().front();
    const std::string sentence = std::string("DEEPZERO_MAX_ISA=") + cpu::isa_name(most) + " is set";
    CHECK((choice.reason == sentence) == capped);
  }
}

TEST_CASE("isa: an unknown name is refused with those that exist") {
#if defined(__x86_64__)
  const std::string names = "scalar, avx2 or avx512";
  const char* elsewhere = "neon";
#elif defined(__aarch64__)
  const std::string names = "scalar or neon";
  const char* elsewhere = "avx2";
#else
  const std::string names = "scalar";
  const char* elsewhere = "avx2";
#endif
  for (const char* name : {"avx3", "AVX2", "avx-512", "sse", "best", elsewhere}) {
    const Cap cap(name);
    try {
      cpu::choose_isa();
      FAIL("accepted ", name);
    } catch (const Error& error) {
      CHECK(error.code() == "ERR_INVALID_ARGUMENT");
      const std::string message = error.what();
      CHECK(message.find("expected " + names + ", received") != std::string::npos);
      CHECK(message.find(name) != std::string::npos);
    }
  }
  const Cap empty("");
  CHECK(cpu::choose_isa().isa == cpu::supported_isas().front());
}

}  // namespace
}  // namespace deepzero::test
