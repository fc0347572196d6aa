#include "bench/queries.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "bench/case_file.h"
#include "bench/peak/peak.h"
#include "bench/sample.h"
#include "bench/stand.h"
#include "cpu/isa.h"
#include "engine/route.h"

namespace deepzero::bench {
namespace {

/// Queries per second of `count` queries: the shortest time gives the most.
Spread rate(std::size_t count, const Spread& seconds) {
  const auto n = static_cast<double>(count);
  return {n / seconds.median, n / seconds.most, n / seconds.least};
}

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f%%", 100 * share);
  return text;
}

/// FLOP/s of multiply-adds in registers on as many threads; 0 on a GPU, whose peak deepzero_cuda_bench measures.
double measured_peak(const Options& options, const Stand& stand) {
  return options.device == "cpu" ? peak_flops(cpu::choose_isa().isa, stand.threads()) : 0;
}

}  // namespace

int run_queries(const Options& options) {
  Stand stand(options);
  const Sample sample = sample_step(*stand.network, stand.kept(), options.sample, options.seed);
  stand.print_header();
  const double error = stand.check(sample.coordinates);
  if (!stand.report_check(error)) return 1;
  if (!options.case_directory.empty()) {
    const DifferencesResult result = stand.estimate(sample.coordinates, options.batch, Method::propagation);
    write_case(options.case_directory, stand.model, stand.batch, sample.coordinates, result, options.mu);
  }
  const auto [queries, base] = stand.time_repeatedly(sample.coordinates);
  if (options.check == 0) return 0;
  const Spread per_second = rate(sample.coordinates.size(), queries);
  const double step = base.median + static_cast<double>(sample.of) / per_second.median;
  std::printf("base pass     %10.2f ms  (%.2f … %.2f)\n", 1e3 * base.median, 1e3 * base.least, 1e3 * base.most);
  std::printf("queries/s     %10.1f     (%.1f … %.1f), %zu timed\n", per_second.median, per_second.least,
              per_second.most, sample.coordinates.size());
  std::printf("a whole step  %10.2f s   for %zu queries\n", step, sample.of);
  nlohmann::json result = stand.describe();
  result.update({{"mode", "queries"},
                 {"sample", sample.coordinates.size()},
                 {"of", sample.of},
                 {"check", {{"relativeError", error}, {"coordinates", options.check}}},
                 {"baseSeconds", spread_json(base)},
                 {"queriesPerSecond", spread_json(per_second)},
                 {"stepSeconds", step}});
  record(options, result);
  return 0;
}

int run_layers(const Options& options) {
  Stand stand(options);
  stand.print_header();
  const std::vector<std::size_t> kept = stand.kept();
  const Sample all = sample_step(*stand.network, kept, 512, options.seed);
  const double error = stand.check(all.coordinates);
  if (!stand.report_check(error)) return 1;
  const double peak = options.check == 0 ? 0 : measured_peak(options, stand);
  if (options.check > 0) {
    std::printf("%-28s %8s %12s %8s %26s\n", "parameter", "queries", "ms a query", "peak", "queries/s (range)");
  }
  nlohmann::json layers = nlohmann::json::array();
  for (std::size_t i = 0; i < stand.network->parameters().size(); ++i) {
    const ParameterInfo& p = stand.network->parameters()[i];
    const std::size_t count = options.sample == 0 ? p.size : options.sample;
    const auto coordinates = sample_parameter(*stand.network, i, kept[i], count, options.seed);
    const auto [queries, base] = stand.time_repeatedly(coordinates);
    if (options.check == 0) continue;
    const Spread per_second = rate(coordinates.size(), queries);
    // Of direct sums, whatever a kernel does inside, on all images.
    const double operations = 2 * options.batch * query_cost(*stand.network, p, Statistics::batch);
    nlohmann::json layer = {{"parameter", p.name},
                            {"queries", coordinates.size()},
                            {"queriesPerSecond", spread_json(per_second)},
                            {"operationsPerQuery", operations},
                            {"baseSeconds", spread_json(base)}};
    std::string share = "-";
    if (peak > 0) {
      layer["shareOfPeak"] = operations * per_second.median / peak;
      share = percent(operations * per_second.median / peak);
    }
    std::printf("%-28s %8zu %12.3f %8s %12.1f (%.1f … %.1f)\n", p.name.c_str(), coordinates.size(),
                1e3 / per_second.median, share.c_str(), per_second.median, per_second.least, per_second.most);
    layers.push_back(std::move(layer));
  }
  if (options.check == 0) return 0;
  nlohmann::json result = stand.describe();
  result.update({{"mode", "layers"},
                 {"check", {{"relativeError", error}, {"coordinates", options.check}}},
                 {"layers", std::move(layers)}});
  if (peak > 0) {
    std::printf("peak: share of %.1f GFLOP/s, multiply-adds in registers on %d threads in this run\n", peak / 1e9,
                stand.threads());
    result["peakFlops"] = peak;
  }
  record(options, result);
  return 0;
}

}  // namespace deepzero::bench
