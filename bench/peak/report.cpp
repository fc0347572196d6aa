#include "bench/peak/report.h"

#include <cstdio>

#include <nlohmann/json.hpp>

#include "bench/atomic_file.h"
#include "bench/machine.h"
#include "bench/peak/peak.h"
#include "cpu/isa.h"

namespace deepzero::bench {

int run_peak(const Options& options) {
  const Machine on = machine();
  const int threads = options.threads > 0 ? options.threads : on.cores;
  nlohmann::json result = {{"mode", "peak"},
                           {"processor", on.processor},
                           {"cores", on.cores},
                           {"compiler", on.compiler},
                           {"threads", threads}};
  std::printf("%s, %d cores; %s\n", on.processor.c_str(), on.cores, on.compiler.c_str());
  std::printf("%-28s %12s %12s %8s\n", "", "1 thread", (std::to_string(threads) + " threads").c_str(), "scales");
  const auto print = [&](const std::string& name, const std::string& unit, double one, double all) {
    std::printf("%-28s %12.2f %12.2f %7.2fx\n", (name + ", " + unit).c_str(), one / 1e9, all / 1e9, all / one);
    result[name] = {{"unit", unit}, {"oneThread", one / 1e9}, {"allThreads", all / 1e9}};
  };
  for (const cpu::Isa isa : cpu::supported_isas()) {
    print(cpu::isa_name(isa), "GFLOP/s", peak_flops(isa, 1), peak_flops(isa, threads));
  }
  print("stream", "GB/s", stream_bandwidth(1), stream_bandwidth(threads));
  if (!options.json.empty()) write_file_atomically(options.json, result.dump(2) + "\n");
  return 0;
}

}  // namespace deepzero::bench
