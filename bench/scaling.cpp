#include "bench/scaling.h"

#include <algorithm>
#include <cstdio>
#include <deque>

#include "bench/loop_check.h"
#include "bench/machine.h"
#include "bench/peak/peak.h"
#include "bench/sample.h"
#include "bench/stand.h"
#include "cpu/backend.h"
#include "cpu/isa.h"

namespace deepzero::bench {
namespace {

constexpr double kLoopSeconds = 0.02;  // of one run of the loop

/// Loop rates per number of threads, at one moment.
std::vector<double> loop_rates(cpu::Isa isa, const std::vector<int>& counts) {
  std::vector<double> rates;
  for (const int threads : counts) rates.push_back(peak_flops(isa, threads, kLoopSeconds));
  return rates;
}

/// One round: the loop, queries on the first number of threads, the loop, on the second, …, the loop.
struct Round {
  std::vector<std::vector<double>> loops;  ///< FLOP/s per moment and number of threads
  std::vector<double> queries;             ///< per second and number of threads
};

/// Per number of threads, from the rounds that the loop allows.
struct Kept {
  std::vector<std::vector<double>> queries, loop;
  int rounds = 0;
};

Kept usable_rounds(const std::vector<Round>& rounds, int threads) {
  const std::size_t settings = rounds[0].queries.size();
  Kept kept{.queries = std::vector<std::vector<double>>(settings), .loop = std::vector<std::vector<double>>(settings)};
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    std::vector<LoopRate> moments;
    for (const std::vector<double>& loop : rounds[i].loops) moments.push_back({loop.front(), loop.back()});
    const LoopCheck check = check_loops(moments, threads);
    std::printf("round %zu: the loop scales to %.3f of the threads, drift %.1f %%%s\n", i + 1, check.scaling,
                100 * check.drift, check.usable ? "" : ": not used");
    if (!check.usable) continue;
    ++kept.rounds;
    for (std::size_t t = 0; t < settings; ++t) {
      kept.queries[t].push_back(rounds[i].queries[t]);
      for (const std::vector<double>& loop : rounds[i].loops) kept.loop[t].push_back(loop[t]);
    }
  }
  return kept;
}

}  // namespace

int run_scaling(const Options& options) {
  const cpu::Isa isa = cpu::choose_isa().isa;
  const int threads = options.threads > 0 ? options.threads : machine().cores;
  const std::vector<int> counts = thread_counts(threads);
  const std::size_t whole = options.memory > 0 ? options.memory : cpu::Options{}.memory >> 20;
  // A stand keeps a reference to its options; with memory in proportion every lane takes blocks of the same size.
  std::deque<Options> settings;
  std::deque<Stand> stands;
  for (const int t : counts) {
    Options& own = settings.emplace_back(options);
    own.threads = t;
    own.memory = std::max<std::size_t>(1, whole * static_cast<std::size_t>(t) / static_cast<std::size_t>(threads));
    stands.emplace_back(own);
  }
  Stand& full = stands.back();
  full.print_header();
  const Sample sample = sample_step(*full.network, full.kept(), options.sample, options.seed);
  const double error = full.check(sample.coordinates);
  if (!full.report_check(error)) return 1;

  for (int i = 0; i < options.warmups; ++i)
    for (Stand& stand : stands) stand.time_once(sample.coordinates, options.batch);
  std::vector<Round> rounds;
  nlohmann::json measured = nlohmann::json::array();
  for (int i = 0; i < options.repeats; ++i) {
    Round round{.loops = {loop_rates(isa, counts)}};
    for (Stand& stand : stands) {
      const double seconds = stand.time_once(sample.coordinates, options.batch).queries;
      round.queries.push_back(static_cast<double>(sample.coordinates.size()) / seconds);
      round.loops.push_back(loop_rates(isa, counts));
    }
    measured.push_back({{"loopFlops", round.loops}, {"queriesPerSecond", round.queries}});
    rounds.push_back(std::move(round));
  }

  const Kept kept = usable_rounds(rounds, threads);
  nlohmann::json result = full.describe();
  result.update({{"mode", "scaling"},
                 {"sample", sample.coordinates.size()},
                 {"check", {{"relativeError", error}, {"coordinates", options.check}}},
                 {"usable", kept.rounds > 0},
                 {"rounds", options.repeats},
                 {"usedRounds", kept.rounds},
                 {"measured", std::move(measured)},
                 {"threadCounts", counts}});
  if (kept.rounds == 0) {
    std::printf(
        "UNUSABLE: in no round had the threads cores of their own (the loop must scale to %.2f of the threads "
        "and drift by at most %.0f %%); repeat it on a machine at rest\n",
        kLeastScaling, 100 * kMostDrift);
    record(options, result);
    return 4;
  }
  std::printf("%8s %12s %10s %12s %10s %12s\n", "threads", "queries/s", "speed-up", "loop GFLOP/s", "speed-up",
              "efficiency");
  nlohmann::json points = nlohmann::json::array();
  const double one = spread_of(kept.queries[0]).median, loop_one = spread_of(kept.loop[0]).median;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const Spread queries = spread_of(kept.queries[i]);
    const double loop = spread_of(kept.loop[i]).median;
    const double efficiency = (queries.median / one) / (loop / loop_one);
    std::printf("%8d %12.1f %9.3fx %12.1f %9.3fx %12.3f\n", counts[i], queries.median, queries.median / one, loop / 1e9,
                loop / loop_one, efficiency);
    points.push_back({{"threads", counts[i]},
                      {"queriesPerSecond", spread_json(queries)},
                      {"loopFlops", loop},
                      {"efficiency", efficiency}});
  }
  result["points"] = std::move(points);
  record(options, result);
  return 0;
}

}  // namespace deepzero::bench
