#include "bench/queries.h"

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <numeric>

#include <nlohmann/json.hpp>

#include "bench/agreement.h"
#include "bench/atomic_file.h"
#include "bench/case_file.h"
#include "bench/clock.h"
#include "bench/machine.h"
#include "bench/networks.h"
#include "bench/sample.h"
#include "bench/timed_backend.h"
#include "cpu/backend.h"
#include "cpu/isa.h"
#include "cuda/client/backend.h"
#include "engine/error.h"
#include "engine/session.h"

namespace deepzero::bench {
namespace {

using Json = nlohmann::json;

/// Images of the check: the two float64 passes are slow and readable.
constexpr int kCheckImages = 4;
/// Of float32 differences against two float64 passes (measured: 5e-5 to 3e-4 on four images, ResNet-20).
constexpr double kCheckTolerance = 1e-3;

std::unique_ptr<Backend> make_backend(const Options& options, const NetworkSpec& spec,
                                      std::shared_ptr<const Network> network) {
  const std::size_t memory = options.memory << 20;
  if (options.device == "cuda")
    return cuda::make_client(cuda::library(), spec, std::move(network),
                             {.memory = memory, .exact = options.precision == "f32"});
  cpu::Options chosen{.threads = options.threads};
  if (memory > 0) chosen.memory = memory;
  return cpu::make_backend(std::move(network), chosen);
}

/// A session, its batch and how to time it.
class Stand {
 public:
  explicit Stand(const Options& options)
      : options_(options),
        model(options.model.empty() ? initial_model(network_spec(options.network), options.seed)
                                    : read_model(options.model)),
        network(std::make_shared<const Network>(model.spec)),
        batch(random_batch(*network, options.batch, options.seed)),
        session(network, std::make_unique<TimedBackend>(make_backend(options, model.spec, network), base_time)) {
    session.set_parameters(model.parameters);
    session.set_buffers(model.buffers);
  }

  DifferencesResult estimate(std::span<const std::uint32_t> coordinates, int count, Method method) {
    DifferencesOptions how;
    how.mu = options_.mu;
    how.method = method;
    return session.differences({batch.input.data(), batch.labels.data(), count}, coordinates, how, {});
  }

  /// Seconds of the queries alone, and of the base pass, after the warm-ups.
  std::pair<Spread, Spread> time_repeatedly(std::span<const std::uint32_t> coordinates) {
    std::vector<double> base, queries;
    for (int i = 0; i < options_.warmups + options_.repeats; ++i) {
      estimate(coordinates, options_.batch, Method::propagation);
      const double end = seconds_now();
      if (i < options_.warmups) continue;
      base.push_back(base_time.seconds);
      queries.push_back(end - base_time.end);
    }
    return {spread_of(queries), spread_of(base)};
  }

  /// Relative error against two float64 passes, over coordinates spread through the list.
  double check(const std::vector<std::uint32_t>& coordinates) {
    if (options_.check == 0 || coordinates.empty()) return 0;
    const std::size_t count = std::min(options_.check, coordinates.size());
    std::vector<std::uint32_t> some;
    for (std::size_t i = 0; i < count; ++i) some.push_back(coordinates[(2 * i + 1) * coordinates.size() / (2 * count)]);
    const int images = std::min(options_.batch, kCheckImages);
    return relative_error(estimate(some, images, Method::two_pass_f64).values,
                          estimate(some, images, Method::propagation).values);
  }

  /// How many elements of each parameter a step queries.
  std::vector<std::size_t> kept() const {
    return options_.ratios.empty() ? kept_uniformly(*network, options_.sparsity)
                                   : kept_by_ratios(*network, options_.ratios);
  }

  int threads() const { return session.backend().info().lanes; }

  Json describe() const {
    const Machine on = machine();
    const BackendInfo info = session.backend().info();
    return {{"processor", on.processor}, {"cores", on.cores},           {"compiler", on.compiler},
            {"device", info.device},     {"precision", precision()},    {"devices", devices()},
            {"isa", info.isa},           {"threads", threads()},        {"network", model.spec.name},
            {"batch", options_.batch},   {"mu", options_.mu},           {chosen_name(), chosen()},
            {"seed", options_.seed},     {"repeats", options_.repeats}, {"warmups", options_.warmups}};
  }

  void print_header() const {
    const Machine on = machine();
    const BackendInfo info = session.backend().info();
    std::printf("%s, %d cores; %s, %d threads%s%s; %s\n", on.processor.c_str(), on.cores, info.isa.c_str(), threads(),
                info.reason.empty() ? "" : "; ", info.reason.c_str(), on.compiler.c_str());
    if (options_.device == "cuda") std::printf("%s, %s\n", devices().dump().c_str(), precision().c_str());
    std::printf("%s, batch %d, mu %g, %s %s, seed %llu, %d warm-ups, %d repeats\n", model.spec.name.c_str(),
                options_.batch, options_.mu, chosen_name(), chosen().dump().c_str(),
                static_cast<unsigned long long>(options_.seed), options_.warmups, options_.repeats);
  }

 private:
  std::string precision() const { return options_.device == "cuda" ? options_.precision : "f32"; }
  /// Names of the CUDA devices in use.
  Json devices() const {
    Json names = Json::array();
    if (options_.device == "cuda")
      for (int i = 0; i < cuda::library().probe->count; ++i) names.push_back(cuda::library().probe->devices[i].name);
    return names;
  }
  /// What decides how much of each layer is queried.
  const char* chosen_name() const { return options_.ratios.empty() ? "sparsity" : "ratios"; }
  Json chosen() const {
    if (options_.ratios.empty()) return options_.sparsity;
    return std::filesystem::path(options_.ratios).filename().string();
  }

  const Options& options_;

 public:
  Model model;
  std::shared_ptr<const Network> network;
  BatchData batch;
  BaseTime base_time;
  Session session;
};

Json spread_json(const Spread& s) { return {{"median", s.median}, {"least", s.least}, {"most", s.most}}; }

/// Queries per second of `count` queries: the shortest time gives the most.
Spread rate(std::size_t count, const Spread& seconds) {
  const auto n = static_cast<double>(count);
  return {n / seconds.median, n / seconds.most, n / seconds.least};
}

bool report_check(const Options& options, double error) {
  if (options.check == 0) {
    std::printf("not compared with two float64 passes (--check 0)\n");
    return true;
  }
  const bool good = error <= kCheckTolerance;
  std::printf("against two float64 passes: relative error %.1e (tolerance %.0e)%s\n", error, kCheckTolerance,
              good ? "" : ": WRONG, not timed");
  return good;
}

void record(const Options& options, const Json& result) {
  if (!options.json.empty()) write_file_atomically(options.json, result.dump(2) + "\n");
}

}  // namespace

int run_queries(const Options& options) {
  Stand stand(options);
  const Sample sample = sample_step(*stand.network, stand.kept(), options.sample, options.seed);
  stand.print_header();
  const double error = stand.check(sample.coordinates);
  if (!report_check(options, error)) return 1;
  if (!options.case_directory.empty()) {
    const DifferencesResult result = stand.estimate(sample.coordinates, options.batch, Method::propagation);
    write_case(options.case_directory, stand.model, stand.batch, sample.coordinates, result, options.mu);
  }
  const auto [queries, base] = stand.time_repeatedly(sample.coordinates);
  const Spread per_second = rate(sample.coordinates.size(), queries);
  const double step = base.median + static_cast<double>(sample.of) / per_second.median;
  std::printf("base pass     %10.2f ms  (%.2f … %.2f)\n", 1e3 * base.median, 1e3 * base.least, 1e3 * base.most);
  std::printf("queries/s     %10.1f     (%.1f … %.1f), %zu timed\n", per_second.median, per_second.least,
              per_second.most, sample.coordinates.size());
  std::printf("a whole step  %10.2f s   for %zu queries\n", step, sample.of);
  Json result = stand.describe();
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
  if (!report_check(options, error)) return 1;
  std::printf("%-28s %8s %12s %26s\n", "parameter", "queries", "ms a query", "queries/s (range)");
  Json layers = Json::array();
  for (std::size_t i = 0; i < stand.network->parameters().size(); ++i) {
    const ParameterInfo& p = stand.network->parameters()[i];
    const std::size_t count = options.sample == 0 ? p.size : options.sample;
    const auto coordinates = sample_parameter(*stand.network, i, kept[i], count, options.seed);
    const auto [queries, base] = stand.time_repeatedly(coordinates);
    const Spread per_second = rate(coordinates.size(), queries);
    std::printf("%-28s %8zu %12.3f %12.1f (%.1f … %.1f)\n", p.name.c_str(), coordinates.size(), 1e3 / per_second.median,
                per_second.median, per_second.least, per_second.most);
    layers.push_back({{"parameter", p.name},
                      {"queries", coordinates.size()},
                      {"queriesPerSecond", spread_json(per_second)},
                      {"baseSeconds", spread_json(base)}});
  }
  Json result = stand.describe();
  result.update({{"mode", "layers"}, {"layers", std::move(layers)}});
  record(options, result);
  return 0;
}

}  // namespace deepzero::bench
