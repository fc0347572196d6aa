#include "bench/line_fit.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "engine/error.h"

namespace deepzero::bench {

LineFit fit_line(std::span<const double> x, std::span<const double> y) {
  if (x.size() != y.size() || x.size() < 3) {
    throw Error("ERR_INVALID_ARGUMENT", "a line: expected at least three points, received " + std::to_string(x.size()) +
                                            " and " + std::to_string(y.size()) + " numbers");
  }
  const auto n = static_cast<double>(x.size());
  const double mean_x = std::accumulate(x.begin(), x.end(), 0.0) / n;
  const double mean_y = std::accumulate(y.begin(), y.end(), 0.0) / n;
  double xx = 0, xy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xx += (x[i] - mean_x) * (x[i] - mean_x);
    xy += (x[i] - mean_x) * (y[i] - mean_y);
  }
  if (!(xx > 0)) throw Error("ERR_INVALID_ARGUMENT", "a line: expected different x, received the same in all points");
  LineFit fit;
  fit.slope = xy / xx;
  fit.intercept = mean_y - fit.slope * mean_x;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double line = fit.intercept + fit.slope * x[i];
    fit.residuals.push_back((y[i] - line) / line);
    if (std::abs(fit.residuals.back()) > std::abs(fit.worst)) fit.worst = fit.residuals.back();
  }
  return fit;
}

}  // namespace deepzero::bench
