#include "bench/stand.h"

#include <cstdio>
#include <filesystem>

#include "bench/agreement.h"
#include "bench/atomic_file.h"
#include "bench/chosen_backend.h"
#include "bench/machine.h"
#include "bench/networks.h"
#include "bench/sample.h"

namespace deepzero::bench {
namespace {

/// Images of the check: the two float64 passes are slow and readable.
constexpr int kCheckImages = 4;
/// Of float32 differences against two float64 passes (measured: 5e-5 to 3e-4 on four images, ResNet-20).
constexpr double kCheckTolerance = 1e-3;
/// Of differences rounded to bfloat16 on the CPU (1.3e-3) or to float16 (3e-4 to 1.3e-3).
constexpr double kHalfTolerance = 5e-3;
/// Of those rounded to bfloat16 behind every op, with weights, on CUDA (3e-3 to 1.1e-2).
constexpr double kBfloatTolerance = 3e-2;

}  // namespace

Stand::Stand(const Options& options)
    : options_(options),
      model(chosen_model(options)),
      network(std::make_shared<const Network>(model.spec)),
      batch(random_batch(*network, options.batch, options.seed)),
      session(network, timed_backend()) {
  session.set_parameters(model.parameters);
  session.set_buffers(model.buffers);
}

std::unique_ptr<Backend> Stand::timed_backend() {
  auto made =
      std::make_unique<TimedBackend>(chosen_backend(options_, model.spec, network), network->ops().size(), clock_);
  backend_ = made.get();
  return made;
}

void Stand::on_lanes(const std::function<void()>& work) {
  backend_->on_lanes([&](int) { work(); });
}

std::vector<OpTime> Stand::op_times() const {
  std::vector<OpTime> sum(network->ops().size());
  for (const std::vector<OpTime>& lane : clock_.lanes) {
    for (std::size_t op = 0; op < sum.size(); ++op) {
      sum[op].queries += lane[op].queries;
      sum[op].seconds += lane[op].seconds;
    }
  }
  return sum;
}

void Stand::reset_op_times() {
  for (std::vector<OpTime>& lane : clock_.lanes) lane.assign(lane.size(), {});
}

DifferencesResult Stand::estimate(std::span<const std::uint32_t> coordinates, int images, Method method) {
  DifferencesOptions how;
  how.mu = options_.mu;
  how.method = method;
  return session.differences({batch.input.data(), batch.labels.data(), images}, coordinates, how, {});
}

StepTime Stand::time_once(std::span<const std::uint32_t> coordinates, int images) {
  estimate(coordinates, images, Method::propagation);
  return {seconds_now() - clock_.end, clock_.seconds};
}

StepSpread Stand::time_repeatedly(std::span<const std::uint32_t> coordinates) {
  std::vector<double> base, queries;
  for (int i = 0; i < options_.warmups + options_.repeats; ++i) {
    const StepTime time = time_once(coordinates, options_.batch);
    if (i < options_.warmups) continue;
    base.push_back(time.base);
    queries.push_back(time.queries);
  }
  return {spread_of(queries), spread_of(base)};
}

double Stand::check(std::span<const std::uint32_t> coordinates) {
  if (options_.check == 0 || coordinates.empty()) return 0;
  const std::size_t count = std::min(options_.check, coordinates.size());
  std::vector<std::uint32_t> some;
  for (std::size_t i = 0; i < count; ++i) some.push_back(coordinates[(2 * i + 1) * coordinates.size() / (2 * count)]);
  const int images = std::min(options_.batch, kCheckImages);
  return relative_error(estimate(some, images, Method::two_pass_f64).values,
                        estimate(some, images, Method::propagation).values);
}

bool Stand::report_check(double error) const {
  if (options_.check == 0) {
    std::printf("not compared with two float64 passes (--check 0), so no figures are printed\n");
    return true;
  }
  const bool cuda = session.backend().info().device == "cuda";
  const double tolerance = options_.precision == Precision::f32            ? kCheckTolerance
                           : options_.precision == Precision::bf16 && cuda ? kBfloatTolerance
                                                                           : kHalfTolerance;
  const bool good = error <= tolerance;
  std::printf("against two float64 passes: relative error %.1e (tolerance %.0e)%s\n", error, tolerance,
              good ? "" : ": WRONG, not timed");
  return good;
}

std::vector<std::size_t> Stand::kept() const {
  return options_.ratios.empty() ? kept_uniformly(*network, options_.sparsity)
                                 : kept_by_ratios(*network, options_.ratios);
}

nlohmann::json Stand::describe() const {
  const Machine on = machine();
  const BackendInfo info = session.backend().info();
  return {{"processor", on.processor},
          {"cores", on.cores},
          {"compiler", on.compiler},
          {"isa", info.isa},
          {"device", info.device},
          {"devices", chosen_devices(options_)},
          {"precision", precision_name(options_.precision)},
          {"threads", threads()},
          {"streams", options_.streams},
          {"memoryMiB", options_.memory},
          {"network", model.spec.name},
          {"batch", options_.batch},
          {"mu", options_.mu},
          {chosen_name(), chosen()},
          {"seed", options_.seed},
          {"repeats", options_.repeats},
          {"warmups", options_.warmups}};
}

void Stand::print_header() const {
  const Machine on = machine();
  const BackendInfo info = session.backend().info();
  std::printf("%s, %d cores; %s, %d threads%s%s; %s\n", on.processor.c_str(), on.cores, info.isa.c_str(), threads(),
              info.reason.empty() ? "" : "; ", info.reason.c_str(), on.compiler.c_str());
  for (const std::string& name : chosen_devices(options_))
    std::printf("%s, differences %s\n", name.c_str(), precision_name(options_.precision));
  std::printf("%s, batch %d, mu %g, %s %s, seed %llu, %d warm-ups, %d repeats\n", model.spec.name.c_str(),
              options_.batch, options_.mu, chosen_name(), chosen().dump().c_str(),
              static_cast<unsigned long long>(options_.seed), options_.warmups, options_.repeats);
}

const char* Stand::chosen_name() const { return options_.ratios.empty() ? "sparsity" : "ratios"; }

nlohmann::json Stand::chosen() const {
  if (options_.ratios.empty()) return options_.sparsity;
  return std::filesystem::path(options_.ratios).filename().string();
}

Model chosen_model(const Options& options) {
  return options.model.empty() ? named_model(options.network, options.seed) : read_model(options.model);
}

nlohmann::json spread_json(const Spread& s) { return {{"median", s.median}, {"least", s.least}, {"most", s.most}}; }

void record(const Options& options, const nlohmann::json& result) {
  if (!options.json.empty()) write_file_atomically(options.json, result.dump(2) + "\n");
}

}  // namespace deepzero::bench
