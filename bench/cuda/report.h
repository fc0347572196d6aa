// What deepzero_cuda_bench found, as JSON and as a table.
#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "bench/cuda/options.h"
#include "bench/cuda/route_times.h"

namespace deepzero::bench {

nlohmann::json peaks_json(const Peaks& peaks);
nlohmann::json routes_json(const std::vector<RouteTime>& routes, const Peaks& peaks, Precision precision);
nlohmann::json floor_json(const StepFloor& floor);

/// Lines of text, without the last newline.
std::string peaks_table(const Peaks& peaks);
std::string routes_table(const std::vector<RouteTime>& routes);
std::string floor_table(const StepFloor& floor);

}  // namespace deepzero::bench
