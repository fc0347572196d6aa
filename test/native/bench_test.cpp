// What the bench harness decides without a clock: its options, lines through measurements, and which runs count.
#include <doctest.h>

#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "bench/line_fit.h"
#include "bench/loop_check.h"
#include "bench/options.h"
#include "bench/profile/symbols.h"
#include "engine/error.h"

namespace {

using namespace deepzero::bench;
using deepzero::Error;

TEST_CASE("bench: a line through points of a line has their intercept, slope and no residuals") {
  const std::vector<double> x = {1, 2, 4, 8, 16};
  std::vector<double> y;
  for (const double value : x) y.push_back(0.25 + 3 * value);
  const LineFit fit = fit_line(x, y);
  // Sums of a few small numbers in float64.
  CHECK(std::abs(fit.intercept - 0.25) <= 1e-12);
  CHECK(std::abs(fit.slope - 3) <= 1e-12);
  REQUIRE(fit.residuals.size() == x.size());
  CHECK(std::abs(fit.worst) <= 1e-12);
}

TEST_CASE("bench: what is no line leaves residuals, the largest by size with its sign") {
  const std::vector<double> x = {1, 2, 3}, y = {1, 1, 2};  // the line is 1/3 + x/2
  const LineFit fit = fit_line(x, y);
  CHECK(std::abs(fit.intercept - 1.0 / 3) <= 1e-12);
  CHECK(std::abs(fit.slope - 0.5) <= 1e-12);
  CHECK(std::abs(fit.residuals[0] - (1 - 5.0 / 6) / (5.0 / 6)) <= 1e-12);
  CHECK(std::abs(fit.worst - (1 - 4.0 / 3) / (4.0 / 3)) <= 1e-12);
}

TEST_CASE("bench: a line needs three points with different x") {
  const std::vector<double> two = {1, 2}, three = {1, 2, 3}, same = {2, 2, 2};
  CHECK_THROWS_AS(fit_line(two, two), Error);
  CHECK_THROWS_AS(fit_line(three, two), Error);
  CHECK_THROWS_AS(fit_line(same, three), Error);
}

TEST_CASE("bench: a run counts when the loop scales and does not drift") {
  const std::vector<LoopRate> quiet = {{100, 198}, {100, 196}};
  CHECK(check_loops(quiet, 2).usable);
  CHECK(std::abs(check_loops(quiet, 2).scaling - 0.98) <= 1e-12);
  CHECK(std::abs(check_loops(quiet, 2).drift - (198.0 / 196 - 1)) <= 1e-12);
  const std::vector<LoopRate> one_core = {{100, 104}, {100, 105}};
  CHECK(!check_loops(one_core, 2).usable);
  const std::vector<LoopRate> drifting = {{100, 200}, {95, 185}};
  CHECK(check_loops(drifting, 2).scaling >= kLeastScaling);
  CHECK(!check_loops(drifting, 2).usable);
}

TEST_CASE("bench: numbers of threads end with all of them") {
  CHECK(thread_counts(1) == std::vector<int>{1});
  CHECK(thread_counts(3) == std::vector<int>{1, 2, 3});
  CHECK(thread_counts(12) == std::vector<int>{1, 2, 4, 8, 12});
}

TEST_CASE("bench: options are read, refused with the nearest name, and all in the help") {
  const Options options = parse_options({"--scaling", "--network", "cnn-1x4", "--batch=8", "--json", "out.json"});
  CHECK(options.mode == Mode::scaling);
  CHECK(options.network == "cnn-1x4");
  CHECK(options.batch == 8);
  CHECK(options.json == "out.json");
  const std::vector<std::pair<std::string, Mode>> modes = {{"--base", Mode::base},
                                                           {"--linearity", Mode::linearity},
                                                           {"--profile", Mode::profile},
                                                           {"--gradcheck", Mode::gradcheck},
                                                           {"--roofline", Mode::roofline}};
  for (const auto& [flag, mode] : modes) {
    CHECK(parse_options({flag}).mode == mode);
    CHECK(help_text().find(flag) != std::string::npos);
  }
  try {
    parse_options({"--linearty"});
    FAIL("accepted an unknown option");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("--linearity") != std::string::npos);
  }
  const Options cuda = parse_options({"--queries", "--device", "cuda", "--devices", "0,1,0", "--streams=3"});
  CHECK(cuda.devices == std::vector<int>{0, 1, 0});
  CHECK(cuda.streams == 3);
  CHECK(parse_options({"--gradcheck", "--reference", "cases"}).reference == "cases");
  CHECK(parse_options({"--queries", "--check", "0"}).check == 0);
  // What was not checked gives no figures: no file, and no mode that only measures.
  CHECK_THROWS_AS(parse_options({"--queries", "--check", "0", "--json", "out.json"}), Error);
  CHECK_THROWS_AS(parse_options({"--scaling", "--check", "0"}), Error);
  CHECK_THROWS_AS(parse_options({"--devices", "0,x"}), Error);
  CHECK_THROWS_AS(parse_options({"--devices", ""}), Error);
  CHECK_THROWS_AS(parse_options({"--batch", "0"}), Error);
  CHECK_THROWS_AS(parse_options({"--scaling=2"}), Error);
}

TEST_CASE("bench: names of functions without what is around them") {
  CHECK(short_name("void deepzero::cpu::(anonymous namespace)::dense<8, 3>(deepzero::cpu::ConvGeometry const&)") ==
        "dense<8, 3>");
  CHECK(short_name("deepzero::cpu::(anonymous namespace)::CpuRelu::difference(deepzero::cpu::DifferenceCall const&) "
                   "const") == "CpuRelu::difference");
  CHECK(
      short_name("std::_Function_handler<void (int), deepzero::cpu::Pool::for_each(int, std::function<void (int, int)> "
                 "const&)::{lambda(int)#1}>::_M_invoke(std::_Any_data const&, int&&)") == "lambda in Pool::for_each");
}

}  // namespace
