#include "bench/linearity.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "bench/line_fit.h"
#include "bench/sample.h"
#include "bench/stand.h"
#include "engine/error.h"

namespace deepzero::bench {
namespace {

constexpr std::size_t kPoints = 6;  // of each line: 1/6, 2/6, … of all coordinates or images

/// One setting, and what it took in each round.
struct Point {
  std::vector<std::uint32_t> coordinates;
  int images;
  std::vector<double> queries = {}, base = {};
};

std::vector<double> medians(const std::vector<Point>& points, std::vector<double> Point::*seconds) {
  std::vector<double> result;
  for (const Point& point : points) result.push_back(spread_of(point.*seconds).median);
  return result;
}

/// A table of one line, and the same as JSON.
nlohmann::json report(const std::string& title, const std::string& of, const std::vector<double>& x,
                      const std::vector<double>& seconds) {
  const LineFit fit = fit_line(x, seconds);
  std::printf("\n%s: %.3f ms + %.6f ms each; largest residual %+.1f %%\n", title.c_str(), 1e3 * fit.intercept,
              1e3 * fit.slope, 100 * fit.worst);
  std::printf("%12s %12s %12s %10s\n", of.c_str(), "ms", "line", "residual");
  nlohmann::json points = nlohmann::json::array();
  for (std::size_t i = 0; i < x.size(); ++i) {
    std::printf("%12.0f %12.3f %12.3f %+9.1f%%\n", x[i], 1e3 * seconds[i], 1e3 * (fit.intercept + fit.slope * x[i]),
                100 * fit.residuals[i]);
    points.push_back({{of, x[i]}, {"seconds", seconds[i]}, {"residual", fit.residuals[i]}});
  }
  return {{"intercept", fit.intercept}, {"slope", fit.slope}, {"worstResidual", fit.worst}, {"points", points}};
}

}  // namespace

int run_linearity(const Options& options) {
  Stand stand(options);
  stand.print_header();
  const std::vector<std::size_t> kept = stand.kept();
  const Sample all = sample_step(*stand.network, kept, options.sample, options.seed);
  if (all.coordinates.size() < kPoints || options.batch < static_cast<int>(kPoints)) {
    throw Error("ERR_INVALID_ARGUMENT", "--linearity: expected at least " + std::to_string(kPoints) +
                                            " coordinates (--sample) and images (--batch), received " +
                                            std::to_string(all.coordinates.size()) + " and " +
                                            std::to_string(options.batch));
  }
  const double error = stand.check(all.coordinates);
  if (!stand.report_check(error)) return 1;

  std::vector<Point> by_count, by_images;
  std::vector<double> counts, images;
  for (std::size_t i = 1; i <= kPoints; ++i) {
    const std::size_t count = all.coordinates.size() * i / kPoints;
    by_count.push_back({sample_step(*stand.network, kept, count, options.seed).coordinates, options.batch});
    counts.push_back(static_cast<double>(count));
    const int part = options.batch * static_cast<int>(i) / static_cast<int>(kPoints);
    by_images.push_back({all.coordinates, part});
    images.push_back(part);
  }
  // Round by round, so that what changes meanwhile on the machine meets all points alike.
  for (int round = 0; round < options.warmups + options.repeats; ++round) {
    for (std::vector<Point>* points : {&by_count, &by_images}) {
      for (Point& point : *points) {
        const StepTime time = stand.time_once(point.coordinates, point.images);
        if (round < options.warmups) continue;
        point.queries.push_back(time.queries);
        point.base.push_back(time.base);
      }
    }
  }
  nlohmann::json result = stand.describe();
  result.update(
      {{"mode", "linearity"},
       {"sample", all.coordinates.size()},
       {"check", {{"relativeError", error}, {"coordinates", options.check}}},
       {"queriesByCoordinates",
        report("queries by coordinates", "coordinates", counts, medians(by_count, &Point::queries))},
       {"queriesByImages", report("queries by images", "images", images, medians(by_images, &Point::queries))},
       {"basePassByImages", report("base pass by images", "images", images, medians(by_images, &Point::base))}});
  record(options, result);
  return 0;
}

}  // namespace deepzero::bench
