#include "bench/base.h"

#include <algorithm>
#include <cstdio>

#include "bench/agreement.h"
#include "bench/case_file.h"
#include "bench/chosen_backend.h"
#include "bench/stand.h"
#include "engine/two_pass.h"

namespace deepzero::bench {
namespace {

constexpr int kCheckImages = 4;
/// Of float32 outputs against a float64 pass: rounding through twenty layers leaves about 1e-6.
constexpr double kCheckTolerance = 1e-4;

struct Way {
  const char* name;
  const char* title;
  Statistics statistics;
  bool keep;
  std::vector<double> seconds = {};
};

/// Relative error of the outputs of a few images.
double check(Backend& backend, const Network& network, const Model& model, Batch batch, const Way& way) {
  batch.count = std::min(batch.count, kCheckImages);
  const std::vector<double> exact =
      TwoPass<double>(network, model.parameters, model.buffers).forward(batch, way.statistics);
  const std::vector<float> expected(exact.begin(), exact.end());
  return relative_error(expected, backend.base(batch, way.statistics, way.keep, {}).outputs);
}

}  // namespace

int run_base(const Options& options) {
  Stand stand(options);
  stand.print_header();
  Model model = stand.model;
  const Network& network = *stand.network;
  const Batch batch{stand.batch.input.data(), stand.batch.labels.data(), options.batch};
  const std::unique_ptr<Backend> backend = chosen_backend(options, stand.model.spec, stand.network);
  const auto load = [&] { backend->load(model.parameters, model.buffers); };

  // Running statistics of this batch, so that evaluation sees activations of the usual size.
  load();
  const BaseResult first = backend->base(batch, Statistics::batch, true, {});
  model.buffers.assign(first.observed.begin(), first.observed.end());
  load();

  Way ways[] = {{"basePass", "base pass", Statistics::batch, true},
                {"evaluation", "evaluation", Statistics::running, false}};
  nlohmann::json result = stand.describe();
  result["mode"] = "base";
  for (const Way& way : ways) {
    if (options.check == 0) continue;
    const double error = check(*backend, network, model, batch, way);
    const bool good = error <= kCheckTolerance;
    std::printf("%s against a float64 pass: relative error %.1e (tolerance %.0e)%s\n", way.title, error,
                kCheckTolerance, good ? "" : ": WRONG, not timed");
    if (!good) return 1;
    result["check"][way.name] = error;
  }
  if (!options.case_directory.empty()) {
    write_base_case(options.case_directory, model, stand.batch,
                    backend->base(batch, Statistics::batch, true, {}).outputs,
                    backend->base(batch, Statistics::running, false, {}).outputs);
  }

  std::vector<double> loading;
  for (int i = 0; i < options.warmups + options.repeats; ++i) {
    const double start = seconds_now();
    load();
    if (i >= options.warmups) loading.push_back(seconds_now() - start);
    for (Way& way : ways) {
      const double begin = seconds_now();
      backend->base(batch, way.statistics, way.keep, {});
      if (i >= options.warmups) way.seconds.push_back(seconds_now() - begin);
    }
  }
  if (options.check == 0) {
    std::printf("not compared with a float64 pass (--check 0), so no figures are printed\n");
    return 0;
  }
  const Spread packing = spread_of(loading);
  std::printf("%-12s %10s %22s %12s\n", "", "ms", "range", "images/s");
  std::printf("%-12s %10.3f %10.3f … %9.3f\n", "weights", 1e3 * packing.median, 1e3 * packing.least,
              1e3 * packing.most);
  result["loadSeconds"] = spread_json(packing);
  for (const Way& way : ways) {
    const Spread seconds = spread_of(way.seconds);
    const double images = options.batch / seconds.median;
    std::printf("%-12s %10.3f %10.3f … %9.3f %12.0f\n", way.title, 1e3 * seconds.median, 1e3 * seconds.least,
                1e3 * seconds.most, images);
    result[way.name] = {{"seconds", spread_json(seconds)}, {"imagesPerSecond", images}};
  }
  record(options, result);
  return 0;
}

}  // namespace deepzero::bench
