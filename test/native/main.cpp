// Runs the native checks; says which seed and instruction sets they cover.
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdlib>
#include <iostream>

#include "cpu/isa.h"
#include "test/native/random_input.h"

namespace deepzero::test {

std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* forced = std::getenv("DEEPZERO_TEST_SEED");
    if (forced == nullptr) return std::uint64_t{std::random_device{}()};
    char* end = nullptr;
    const std::uint64_t number = std::strtoull(forced, &end, 10);
    if (end == forced || *end != '\0') {
      std::cerr << "DEEPZERO_TEST_SEED: expected a number, received '" << forced << "'\n";
      std::exit(2);
    }
    return number;
  }();
  return seed;
}

namespace {

bool any_case_ran = false;

/// Starts the generator of random inputs anew with every case, so that a case draws alone what it draws among others.
class SeedEveryCase : public doctest::IReporter {
 public:
  explicit SeedEveryCase(const doctest::ContextOptions& /*options*/) {}
  void test_case_start(const doctest::TestCaseData& test_case) override {
    any_case_ran = true;
    std::uint64_t hash = 14695981039346656037u;  // FNV-1a: the same with every standard library
    for (const char* c = test_case.m_name; *c != 0; ++c)
      hash = (hash ^ static_cast<unsigned char>(*c)) * 1099511628211u;
    generator().seed(test_seed() ^ hash);
  }
  void report_query(const doctest::QueryData& /*query*/) override {}
  void test_run_start() override {}
  void test_run_end(const doctest::TestRunStats& /*stats*/) override {}
  void test_case_reenter(const doctest::TestCaseData& /*test_case*/) override {}
  void test_case_end(const doctest::CurrentTestCaseStats& /*stats*/) override {}
  void test_case_exception(const doctest::TestCaseException& /*exception*/) override {}
  void subcase_start(const doctest::SubcaseSignature& /*subcase*/) override {}
  void subcase_end() override {}
  void log_assert(const doctest::AssertData& /*assertion*/) override {}
  void log_message(const doctest::MessageData& /*message*/) override {}
  void test_case_skipped(const doctest::TestCaseData& /*test_case*/) override {}
};

REGISTER_LISTENER("seed", 1, SeedEveryCase);

}  // namespace
}  // namespace deepzero::test

int main(int argc, char** argv) {
  std::cout << "DEEPZERO_TEST_SEED=" << deepzero::test::test_seed() << ", instruction sets:";
  for (const deepzero::cpu::Isa isa : deepzero::cpu::supported_isas()) {
    std::cout << ' ' << deepzero::cpu::isa_name(isa);
  }
  std::cout << std::endl;
  doctest::Context context(argc, argv);
  const int failed = context.run();
  if (failed == 0 && !context.shouldExit() && !deepzero::test::any_case_ran) {
    std::cerr << "no case has such a name; --list-test-cases prints them\n";
    return 1;
  }
  return failed;
}
