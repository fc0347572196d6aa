// Bᵀ·x·B and Aᵀ·m·A of as many tiles as a vector has lanes, with the matrices of cpu/winograd/points.h.
// Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/winograd/points.h"
#include "cpu/winograd/whole_tiles.h"

namespace deepzero::cpu {
namespace {

/// x ← Bᵀ·x. Of each pair ±a the even and the odd part are computed once.
__attribute__((always_inline)) inline void to_points(Vector (&x)[6]) {
  const Vector a = broadcast(point_a), b = broadcast(point_b), minus_a = broadcast(-point_a),
               minus_b = broadcast(-point_b), minus_a2 = broadcast(-point_a2), minus_b2 = broadcast(-point_b2),
               minus_s = broadcast(-point_s), p = broadcast(point_p);
  const Vector even_a = fma(minus_b2, x[2], x[4]), odd_a = fma(minus_b2, x[1], x[3]);
  const Vector even_b = fma(minus_a2, x[2], x[4]), odd_b = fma(minus_a2, x[1], x[3]);
  x[0] = fma(p, x[0], fma(minus_s, x[2], x[4]));
  x[5] = fma(p, x[1], fma(minus_s, x[3], x[5]));
  x[1] = fma(a, odd_a, even_a);
  x[2] = fma(minus_a, odd_a, even_a);
  x[3] = fma(b, odd_b, even_b);
  x[4] = fma(minus_b, odd_b, even_b);
}

/// y = Aᵀ·m.
__attribute__((always_inline)) inline void from_points(const Vector (&m)[6], Vector (&y)[4]) {
  const Vector even_a = m[1] + m[2], odd_a = m[1] - m[2], even_b = m[3] + m[4], odd_b = m[3] - m[4];
  y[0] = m[0] + even_a + even_b;
  y[1] = fma(broadcast(point_b), odd_b, broadcast(point_a) * odd_a);
  y[2] = fma(broadcast(point_b2), even_b, broadcast(point_a2) * even_a);
  y[3] = fma(broadcast(point_b3), odd_b, fma(broadcast(point_a3), odd_a, m[5]));
}

/// One plane: point k of the vector's tiles goes to v + k·step.
template <class Input>
inline void transform_input(const float* plane, const Input& input, float* v, std::size_t step) {
  Vector points[6][6];
#pragma GCC unroll 6
  for (int i = 0; i < 6; ++i) {
    input.row(plane, i, points[i]);
    to_points(points[i]);
  }
#pragma GCC unroll 6
  for (int j = 0; j < 6; ++j) {
    Vector x[6] = {points[0][j], points[1][j], points[2][j], points[3][j], points[4][j], points[5][j]};
    to_points(x);
#pragma GCC unroll 6
    for (int i = 0; i < 6; ++i) store(v + static_cast<std::size_t>(i * 6 + j) * step, x[i]);
  }
}

/// One plane, from point k at m + k·step.
template <class Output>
inline void transform_output(const float* m, std::size_t step, const Output& output, float* plane) {
  Vector half[6][4];
#pragma GCC unroll 6
  for (int i = 0; i < 6; ++i) {
    Vector points[6];
#pragma GCC unroll 6
    for (int j = 0; j < 6; ++j) points[j] = load(m + static_cast<std::size_t>(i * 6 + j) * step);
    from_points(points, half[i]);
  }
  Vector y[4][4];  // [column][row]
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const Vector points[6] = {half[0][j], half[1][j], half[2][j], half[3][j], half[4][j], half[5][j]};
    from_points(points, y[j]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    Vector pixels[4] = {y[0][i], y[1][i], y[2][i], y[3][i]};
    output.row(pixels, i, plane);
  }
}

}  // namespace
}  // namespace deepzero::cpu
