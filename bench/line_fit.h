// Least squares of a line with intercept, y ≈ intercept + slope·x, and how far each point is from it.
#pragma once

#include <span>
#include <vector>

namespace deepzero::bench {

struct LineFit {
  double intercept = 0, slope = 0;
  std::vector<double> residuals;  ///< (y − line)/line per point
  double worst = 0;               ///< the largest of them, by size
};

/// Throws ERR_INVALID_ARGUMENT for fewer than three points (two always fit), lists of different lengths, or points
/// that all have the same x.
LineFit fit_line(std::span<const double> x, std::span<const double> y);

}  // namespace deepzero::bench
