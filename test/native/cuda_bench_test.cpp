// deepzero_cuda_bench without a device: floors against numbers worked out by hand, its kernels and its harness over the
// SIMT runtime, and the shape of its JSON. No time is compared with anything.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>

#include "bench/cuda/options.h"
#include "bench/cuda/report.h"
#include "bench/networks.h"
#include "bench/sample.h"
#include "engine/error.h"
#include "test/native/random_graph.h"

namespace deepzero::test {
namespace {

using namespace deepzero::bench;

/// One unit per second of everything, and twice as much of tensor cores.
Peaks unit_peaks() {
  Peaks peaks;
  peaks.mma_f16 = peaks.mma_bf16 = 2;
  peaks.fma = peaks.memory = 1;
  return peaks;
}

/// Sums and products of small whole numbers in float64.
bool near(double a, double b) { return std::abs(a - b) <= 1e-9 * std::abs(b); }

NetworkSpec two_convolutions() {
  NetworkSpec spec{.name = "two", .input = {2, 6, 6}, .loss = "crossEntropy"};
  spec.ops = {conv_spec("first", "input", 3, 3, 1, 1, false),
              {"relu", "relu", {"first"}, {}},
              conv_spec("second", "relu", 4, 3, 1, 1, false),
              conv_spec("third", "second", 5, 3, 1, 1, false),
              linear_spec("fc", "third", 7, true)};
  return spec;
}

TEST_CASE("cuda bench: floors are what shapes say") {
  const Network network(two_convolutions());
  const Route route = make_route(network, 0, Statistics::batch);
  REQUIRE(route.steps.size() == 5);
  const BlockSize block{.queries = 10, .count = 8};
  for (const Precision precision : {Precision::f32, Precision::f16}) {
    const double size = precision == Precision::f32 ? 4 : 2, planes = 10 * 8 * 36.0;
    const std::vector<Work> works = route_work(network, route, block, precision);
    CHECK(near(works[0].operations, planes));
    CHECK(near(works[0].bytes, planes * size));
    CHECK(near(works[1].bytes, 2 * planes * size + 8 * 36.0 * 4));  // in, out, and the base plane once for all queries
    CHECK(near(works[1].fused_bytes, 8 * 36.0 * 4));
    CHECK(works[2].fused_bytes == works[2].bytes);
    CHECK(near(works[2].operations, 2 * 9 * 4 * planes));  // one channel in
    CHECK(near(works[2].bytes, (1 + 4) * planes * size));
    CHECK(near(works[3].operations, 2 * 9 * 4 * 5 * planes));
    CHECK(near(works[3].bytes, (4 + 5) * planes * size));
    CHECK(near(works[4].operations, 2 * 7 * 5 * planes));
    CHECK(near(works[4].bytes, (5 * planes + 10 * 8 * 7) * size));
    for (std::size_t s = 0; s < works.size(); ++s) CHECK(works[s].matrix == (s == 3 && precision == Precision::f16));
  }
}

TEST_CASE("cuda bench: a floor is the larger of operations over the peak and bytes over the bandwidth") {
  const Peaks peaks = unit_peaks();
  CHECK(floor_of({.operations = 8, .bytes = 3}, peaks, Precision::f16) == 8);
  CHECK(floor_of({.operations = 8, .bytes = 3, .matrix = true}, peaks, Precision::f16) == 4);
  CHECK(floor_of({.operations = 8, .bytes = 5, .matrix = true}, peaks, Precision::bf16) == 5);
}

TEST_CASE("cuda bench: the floor of a step is that of its queries, without those that cost nothing") {
  const Network network(network_spec("cnn-1x4"));
  std::vector<std::size_t> kept(network.parameters().size(), 0);
  const auto floor = [&] { return step_floor(network, kept, {16, 8}, Precision::f32, unit_peaks()); };
  CHECK(floor().seconds == 0);
  REQUIRE(network.parameters()[1].name == "conv_layers.0.bias");
  kept[1] = 4;
  CHECK(floor().queries == 4);
  CHECK(floor().seconds == 0);
  kept[1] = 0;
  kept[0] = 32;
  const StepFloor two = floor();
  double seconds = 0, operations = 0;
  for (const Work& work : route_work(network, make_route(network, 0, Statistics::batch), {16, 8}, Precision::f32)) {
    seconds += floor_of(work, unit_peaks(), Precision::f32);
    operations += work.operations;
  }
  CHECK(near(two.seconds, 2 * seconds));
  CHECK(near(two.operations, 2 * operations));
  CHECK(two.fused_seconds < two.seconds);
  CHECK(two.seconds <= two.operation_seconds + two.byte_seconds);
  CHECK(two.seconds >= std::max(two.operation_seconds, two.byte_seconds));
}

TEST_CASE("cuda bench: the loops of the peaks do their work, and rates are of that work") {
  const Peaks peaks =
      measure_peaks({.seconds = 1e-6, .runs = 1, .blocks = 2, .memory = std::size_t{1} << 16, .most_rounds = 4});
  CHECK(peaks.name == "SIMT host 0");
  for (const double rate : {peaks.mma_f16, peaks.mma_bf16, peaks.fma, peaks.memory, peaks.l2_copy}) {
    CHECK(rate > 0);
    CHECK(std::isfinite(rate));
  }
}

TEST_CASE("cuda bench: routes from each kind of convolution, every kernel in one place, as JSON and as a table") {
  NetworkSpec spec = network_spec("cnn-2x4");
  spec.input = {3, 8, 8};
  const Model model = initial_model(spec, 1);
  const Peaks peaks = unit_peaks();
  const std::vector<RouteTime> routes =
      time_routes(model, {.batch = 2, .queries = 5, .precision = Precision::f32, .repeats = 2}, peaks);
  REQUIRE(routes.size() == 2);
  CHECK(routes[0].from == "conv_layers.0.weight");
  CHECK(routes[0].queries == 5);
  const nlohmann::json json = routes_json(routes, peaks, Precision::f32);
  for (std::size_t r = 0; r < routes.size(); ++r) {
    double seconds = 0;
    int launches = 0;
    for (const auto& step : json[r]["steps"]) {
      CHECK(step["floorSeconds"] > 0);
      CHECK((step["shareOfPeak"].is_null() || step["shareOfPeak"] > 0));
      for (const auto& kernel : step["kernels"]) seconds += kernel["seconds"].get<double>();
      for (const auto& kernel : step["kernels"]) launches += kernel["launches"].get<int>();
    }
    for (const auto& kernel : json[r]["otherKernels"]) {
      seconds += kernel["seconds"].get<double>();
      launches += kernel["launches"].get<int>();
    }
    // All kernels but those of the loss belong to a step, the seeds' among them.
    CHECK(json[r]["steps"][0]["kernels"].size() > 0);
    CHECK(json[r]["otherKernels"].size() <= 3);
    CHECK(launches > 8);  // a seed, batch norm, ReLU or pool, convolution, linear, loss
    CHECK(near(seconds, routes[r].observed_seconds));
    CHECK(json[r]["blockSeconds"] > 0);
  }
  CHECK(json[0]["steps"].size() > json[1]["steps"].size());
  CHECK(json[0]["steps"][0]["difference"] == "seed");
  CHECK(routes_table(routes).find("conv_layers.4.weight, 5 queries") != std::string::npos);
  CHECK(event_seconds() >= 0);
}

TEST_CASE("cuda bench: kernels are counted under the op that they are launched for") {
  const cuda::Stream stream, other;
  KernelTimes watch;
  const auto launch = [](const char* name, const cuda::Stream& into) { const cuda::ObservedLaunch one(name, into); };
  launch("alone", stream);
  {
    const cuda::ObservedOp op(3);
    launch("a", stream);
    launch("b", other);
    {
      const cuda::ObservedOp inner(4);
      launch("a", stream);
    }
    launch("a", stream);
  }
  const std::vector<KernelTime> sums = watch.sums();
  REQUIRE(sums.size() == 4);
  CHECK((sums[0].op == -1 && sums[0].kernel == "alone"));
  CHECK((sums[1].op == 3 && sums[1].kernel == "a" && sums[1].launches == 2));
  CHECK((sums[2].op == 3 && sums[2].kernel == "b" && sums[2].launches == 1));
  CHECK((sums[3].op == 4 && sums[3].kernel == "a"));
}

TEST_CASE("cuda bench: options are read or refused, and all in the help") {
  const CudaBenchOptions options =
      parse_cuda_bench_options({"--network", "cnn-1x18", "--precision", "f32", "--queries", "8", "--peak"});
  CHECK(options.network == "cnn-1x18");
  CHECK(options.precision == Precision::f32);
  CHECK(options.queries == 8);
  CHECK(options.peaks_only);
  CHECK(cuda_bench_help().find("--ratios FILE") != std::string::npos);
  for (const std::vector<std::string>& wrong :
       std::vector<std::vector<std::string>>{{"--quries", "8"}, {"--queries"}, {"--queries", "0"}, {"--batch", "2.5"}})
    CHECK_THROWS_AS(parse_cuda_bench_options(wrong), Error);
}

}  // namespace
}  // namespace deepzero::test
