// The points at which F(4×4, 3×3) multiplies polynomials, 0, ±a, ±b and ∞, and its three matrices. With
// s = a² + b² and p = a²·b²:
//
//          | p   0   −s   0   1  0 |        | 1/p                   |         | 1  1   1   1   1  0 |
//          | 0 −ab²  −b²  a   1  0 |        | (1, a, a²)/2a²(a²−b²) |    Aᵀ = | 0  a  −a   b  −b  0 |
//     Bᵀ = | 0  ab²  −b² −a   1  0 |    G = | (1,−a, a²)/2a²(a²−b²) |         | 0  a²  a²  b²  b² 0 |
//          | 0 −ba²  −a²  b   1  0 |        | (1, b, b²)/2b²(b²−a²) |         | 0  a³ −a³  b³ −b³ 1 |
//          | 0  ba²  −a² −b   1  0 |        | (1,−b, b²)/2b²(b²−a²) |
//          | 0   p    0  −s   0  1 |        | (0, 0, 1)             |
//
// a = 3/4 and b = 3/2 make every entry of Aᵀ and Bᵀ a float. Against the usual 1 and 2 they halve the error (5e-7
// instead of 1.0e-6 for 16 input channels, 8e-7 instead of 1.7e-6 for 64, in the 2-norm, normally distributed numbers).
// Factors of rows that are powers of two would change no bit of it.
#pragma once

#include <cstddef>

namespace deepzero::cpu {
namespace {

constexpr float point_a = 0.75f, point_b = 1.5f;
constexpr float point_a2 = point_a * point_a, point_b2 = point_b * point_b;
constexpr float point_a3 = point_a2 * point_a, point_b3 = point_b2 * point_b;
constexpr float point_s = point_a2 + point_b2, point_p = point_a2 * point_b2;

constexpr int winograd_points = 36;  ///< of a tile: 6×6

/// G·w·Gᵀ of one filter [3][3], in float64 and then rounded; `step` floats lie between the 36 results.
inline void transform_filter(const float* w, float* u, std::size_t step) {
  constexpr double a = point_a, b = point_b, a2 = a * a, b2 = b * b;
  constexpr double na = 2 * a2 * (a2 - b2), nb = 2 * b2 * (b2 - a2), n0 = a2 * b2;
  constexpr double g[6][3] = {{1 / n0, 0, 0},
                              {1 / na, a / na, a2 / na},
                              {1 / na, -a / na, a2 / na},
                              {1 / nb, b / nb, b2 / nb},
                              {1 / nb, -b / nb, b2 / nb},
                              {0, 0, 1}};
  double half[6][3];  // G·w
  for (int i = 0; i < 6; ++i) {
    for (int j = 0; j < 3; ++j) half[i][j] = g[i][0] * w[j] + g[i][1] * w[3 + j] + g[i][2] * w[6 + j];
  }
  for (int i = 0; i < 6; ++i) {
    for (int j = 0; j < 6; ++j) {
      *u = static_cast<float>(half[i][0] * g[j][0] + half[i][1] * g[j][1] + half[i][2] * g[j][2]);
      u += step;
    }
  }
}

}  // namespace
}  // namespace deepzero::cpu
