#include "bench/profile/profile.h"

#include <algorithm>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "bench/profile/kernel_units.h"
#include "bench/profile/sampler.h"
#include "bench/profile/symbols.h"
#include "bench/sample.h"
#include "bench/stand.h"
#include "cpu/isa.h"

namespace deepzero::bench {
namespace {

constexpr std::size_t kCapacity = std::size_t{1} << 22;  // ticks: an hour of one lane
constexpr double kLeastShare = 0.002;                    // what takes less is summed up in one line

/// From one moment to another.
struct Span {
  double begin, end;
};

struct Line {
  std::string op, function;
  double share;
};

/// The ticks within the spans by op and function, most first.
std::vector<Line> lines_of(const std::vector<Tick>& ticks, const std::vector<Span>& spans, const Symbols& symbols,
                           const KernelUnits& units) {
  std::map<std::pair<std::string, std::string>, std::size_t> counts;
  std::size_t all = 0;
  for (const Tick& tick : ticks) {
    if (std::none_of(spans.begin(), spans.end(),
                     [&](const Span& s) { return s.begin <= tick.time && tick.time < s.end; }))
      continue;
    const Function* function = symbols.find(tick.instruction);
    ++counts[function == nullptr ? std::pair<std::string, std::string>("system", "waiting, libraries")
                                 : std::pair(units.op_of(*function), function->name)];
    ++all;
  }
  std::vector<Line> lines;
  for (const auto& [where, count] : counts)
    lines.push_back({where.first, where.second, static_cast<double>(count) / static_cast<double>(all)});
  std::sort(lines.begin(), lines.end(), [](const Line& a, const Line& b) { return a.share > b.share; });
  return lines;
}

/// Prints the table of one phase: ops, then functions; `seconds` of all lanes together.
nlohmann::json report(const char* title, const std::vector<Line>& lines, double seconds) {
  std::map<std::string, double> ops;
  for (const Line& line : lines) ops[line.op] += line.share;
  std::vector<std::pair<std::string, double>> ordered(ops.begin(), ops.end());
  std::sort(ordered.begin(), ordered.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::printf("\n%s: %.3f s of all threads together\n", title, seconds);
  std::printf("%-18s %-40s %10s %8s\n", "op", "function", "s", "share");
  nlohmann::json result = {{"seconds", seconds}, {"ops", nlohmann::json::array()}};
  for (const auto& [op, share] : ordered) {
    std::printf("%-18s %-40s %10.3f %7.1f%%\n", op.c_str(), "", share * seconds, 100 * share);
    nlohmann::json functions = nlohmann::json::array();
    double rest = 0;
    for (const Line& line : lines) {
      if (line.op != op) continue;
      functions.push_back({{"function", line.function}, {"share", line.share}});
      if (line.share < kLeastShare) {
        rest += line.share;
        continue;
      }
      std::printf("%-18s %-40.40s %10.3f %7.1f%%\n", "", line.function.c_str(), line.share * seconds, 100 * line.share);
    }
    if (rest > 0) std::printf("%-18s %-40s %10.3f %7.1f%%\n", "", "the rest", rest * seconds, 100 * rest);
    result["ops"].push_back({{"op", op}, {"share", share}, {"functions", std::move(functions)}});
  }
  return result;
}

/// By the op whose parameters are queried.
nlohmann::json report_starts(const Network& network, const std::vector<OpTime>& ops, int calls) {
  std::printf("\n%-28s %9s %12s %12s\n", "queried op", "queries", "ms a query", "share");
  double all = 0;
  for (const OpTime& op : ops) all += op.seconds;
  nlohmann::json result = nlohmann::json::array();
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (ops[i].queries == 0) continue;
    const double each = ops[i].seconds / static_cast<double>(ops[i].queries);
    const std::size_t queries = ops[i].queries / static_cast<std::size_t>(calls);
    const std::string& name = network.op(static_cast<int>(i)).name();
    std::printf("%-28s %9zu %12.3f %11.1f%%\n", name.c_str(), queries, 1e3 * each, 100 * ops[i].seconds / all);
    result.push_back({{"op", name}, {"queries", queries}, {"secondsEach", each}, {"share", ops[i].seconds / all}});
  }
  return result;
}

}  // namespace

int run_profile(const Options& options) {
  Stand stand(options);
  const Sample sample = sample_step(*stand.network, stand.kept(), options.sample, options.seed);
  stand.print_header();
  const double error = stand.check(sample.coordinates);
  if (!stand.report_check(error)) return 1;
  for (int i = 0; i < options.warmups; ++i) stand.time_once(sample.coordinates, options.batch);

  const Symbols symbols;
  const KernelUnits units(symbols, cpu::choose_isa().isa);
  std::vector<Span> base, queries;
  double base_seconds = 0, query_seconds = 0;
  Sampler sampler(kCapacity);
  stand.on_lanes([&] { sampler.watch_this_thread(); });
  stand.reset_op_times();
  for (int i = 0; i < options.repeats; ++i) {
    const double begin = seconds_now();
    const StepTime time = stand.time_once(sample.coordinates, options.batch);
    const double end = seconds_now();
    base.push_back({begin, end - time.queries});
    queries.push_back({end - time.queries, end});
    base_seconds += time.base;
    query_seconds += time.queries;
  }
  sampler.stop();

  const std::vector<Tick> ticks = sampler.ticks();
  const double lanes = stand.threads();
  std::printf("%zu queries, %d calls, %zu ticks of %.0f lanes\n", sample.coordinates.size(), options.repeats,
              ticks.size(), lanes);
  nlohmann::json result = stand.describe();
  result.update({{"mode", "profile"},
                 {"sample", sample.coordinates.size()},
                 {"of", sample.of},
                 {"ticks", ticks.size()},
                 {"check", {{"relativeError", error}, {"coordinates", options.check}}},
                 {"basePass", report("base pass", lines_of(ticks, base, symbols, units), lanes * base_seconds)},
                 {"queries", report("queries", lines_of(ticks, queries, symbols, units), lanes * query_seconds)}});
  result["starts"] = report_starts(*stand.network, stand.op_times(), options.repeats);
  record(options, result);
  return 0;
}

}  // namespace deepzero::bench
