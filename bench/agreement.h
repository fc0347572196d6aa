// Whether two results agree, for the checks that precede every timing.
#pragma once

#include <span>
#include <string>

namespace deepzero::bench {

/// ‖actual − expected‖ / ‖expected‖ in the 2-norm, in float64; NaN or infinite when a value is.
double relative_error(std::span<const float> expected, std::span<const float> actual);

/// Throws ERR_INTERNAL unless the relative error is at most `tolerance` and the largest single deviation at most
/// 10·tolerance·max|expected|. NaN fails, and so does an `actual` of all zeros where `expected` is not. Fill
/// `actual` with NaN before the kernel writes it and unwritten values fail too.
void require_agreement(const std::string& what, std::span<const float> expected, std::span<const float> actual,
                       double tolerance);

}  // namespace deepzero::bench
