#include "bench/gradcheck.h"

#include <cmath>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "bench/chosen_backend.h"
#include "bench/clock.h"
#include "bench/machine.h"
#include "bench/reference_check.h"
#include "bench/stand.h"
#include "engine/error.h"

namespace deepzero::bench {

int run_gradcheck(const Options& options) {
  if (options.reference.empty())
    throw Error("ERR_INVALID_ARGUMENT", "--gradcheck: expected --reference DIR with it; see --help");
  const std::vector<std::string> devices = chosen_devices(options);
  std::printf("%s, differences %s; relative error in the 2-norm, and what is allowed\n",
              devices.empty() ? machine().processor.c_str() : devices.front().c_str(),
              precision_name(options.precision));
  nlohmann::json cases = nlohmann::json::array();
  bool good = true;
  for (const std::string& name : reference_names(options.reference)) {
    const Reference reference = read_reference(options.reference, name);
    const auto network = std::make_shared<const Network>(reference.model.spec);
    Session session(network, chosen_backend(options, reference.model.spec, network));
    const double start = seconds_now();
    const std::size_t most = options.sample;
    nlohmann::json lines = nlohmann::json::array();
    for (const Deviation& line : check_reference(session, reference, options.precision, most)) {
      std::printf("%-20s %-16s %9.2e %9.1e %s\n", name.c_str(), line.name.c_str(), line.error, line.tolerance,
                  line.passed() ? "ok" : "BEYOND");
      // JSON has no NaN: an error that is none becomes null.
      lines.push_back({{"name", line.name},
                       {"error", std::isfinite(line.error) ? nlohmann::json(line.error) : nlohmann::json()},
                       {"tolerance", line.tolerance},
                       {"passed", line.passed()}});
      good = good && line.passed();
    }
    const std::size_t all = reference.coordinates.size();
    cases.push_back({{"case", name},
                     {"network", reference.model.spec.name},
                     {"batch", reference.count()},
                     {"coordinates", most == 0 ? all : std::min(most, all)},
                     {"seconds", seconds_now() - start},
                     {"lines", std::move(lines)}});
  }
  record(options, {{"mode", "gradcheck"},
                   {"processor", machine().processor},
                   {"device", options.device},
                   {"devices", devices},
                   {"precision", precision_name(options.precision)},
                   {"passed", good},
                   {"cases", std::move(cases)}});
  return good ? 0 : 1;
}

}  // namespace deepzero::bench
