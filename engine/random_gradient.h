// The gradient estimate made of the differences D_k along random directions u_k, k = first … first + q − 1:
//
//   sphere                       g = (d/q)·Σ_k D_k·u_k    since E[u·uᵀ] = I/d on the sphere of d dimensions
//   tensor, gaussian, rademacher g = (1/q)·Σ_k D_k·u_k
//
// Per coordinate the sum runs in the order of k, in float64, over D_k as returned (float32).
#pragma once

#include <span>
#include <vector>

#include "engine/backend.h"
#include "engine/control.h"
#include "engine/direction.h"

namespace deepzero {

/// `norms` are those that Directions::draw() gave for each direction, one direction after the other. The directions are
/// drawn again, each lane a range of coordinates at a time.
std::vector<float> random_gradient(Backend& backend, const Network& network, const Directions& directions,
                                   std::uint32_t first, std::span<const float> differences,
                                   std::span<const double> norms, const Control& control);

}  // namespace deepzero
