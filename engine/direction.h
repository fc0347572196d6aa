// Random directions u_k in the space of all parameters, for randomised gradient estimates. Coordinate i of direction k
// owns number i of the Philox sequence (seed, purpose directions, stream k), whatever the active set:
//
//   sphere      v normal, u = v/‖v‖ over the active set
//   tensor      v normal, the active part of every parameter tensor a unit vector
//   gaussian    u = v normal
//   rademacher  u = +1 where the top bit of word i is 0, else −1
//
// and u = 0 outside the active set. Norms are float64 sums in the order of the indices, u_i = float32(v_i/norm).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/network.h"
#include "engine/random/philox.h"

namespace deepzero {

enum class Distribution { sphere, tensor, gaussian, rademacher };

/// A direction as a backend gets it.
struct Direction {
  std::span<const float> components;  ///< [parameters], in the flat order
  const std::vector<bool>& moved;     ///< per tensor of Network::parameters(): whether it has active coordinates
};

class Directions {
 public:
  /// All parameters are active.
  Directions(const Network& network, Distribution distribution, std::uint64_t seed);
  /// `active` in any order. Throws ERR_INVALID_ARGUMENT when it is empty, or for a coordinate that is out of range or
  /// comes twice.
  Directions(const Network& network, Distribution distribution, std::uint64_t seed,
             std::span<const std::uint32_t> active);

  const std::vector<bool>& moved() const { return moved_; }
  /// What the gradient estimate multiplies a mean of D_k·u_k with: d for unit vectors of the whole active set, else 1.
  double factor() const { return distribution_ == Distribution::sphere ? static_cast<double>(dimension_) : 1; }
  /// Norms that one direction has: one, one per tensor, or none.
  std::size_t norms() const { return norms_; }

  /// Writes the active components of direction k to `out` [parameters], and its norms to `norms`. The rest of `out`
  /// stays as it is, which is 0.
  void draw(std::uint32_t k, std::span<float> out, std::span<double> norms) const;
  /// The same components of the flat range first … first + out.size() − 1, from the norms that draw() gave; 0
  /// elsewhere.
  void draw_range(std::uint32_t k, std::span<const double> norms, std::size_t first, std::span<float> out) const;

 private:
  /// Consecutive active coordinates of one tensor.
  struct Run {
    std::size_t first, size;
    std::size_t norm;  ///< which of the direction's norms divides it
  };

  void add_run(std::size_t first, std::size_t size, std::size_t tensor);
  RandomKey key(std::uint32_t k) const;
  /// v of `out.size()` coordinates from `first` on.
  void numbers(std::uint32_t k, std::size_t first, std::span<float> out) const;

  Distribution distribution_;
  std::uint64_t seed_;
  std::size_t dimension_ = 0;
  std::size_t norms_ = 0;
  std::vector<Run> runs_;  // by first
  std::vector<bool> moved_;
};

}  // namespace deepzero
