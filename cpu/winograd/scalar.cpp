// Winograd convolution F(4×4, 3×3), plain: tile by tile, with the matrices written out. Transformed weights are
// [36][Co][Ci]; scratch holds the transformed inputs of a tile, [36][Ci].
#include <algorithm>

#include "cpu/winograd/kernel.h"
#include "cpu/winograd/points.h"

namespace deepzero::cpu {
namespace {

constexpr float a = point_a, b = point_b, a2 = point_a2, b2 = point_b2, a3 = point_a3, b3 = point_b3;

constexpr float input_matrix[6][6] = {{point_p, 0, -point_s, 0, 1, 0}, {0, -a* b2, -b2, a, 1, 0},
                                      {0, a* b2, -b2, -a, 1, 0},       {0, -b* a2, -a2, b, 1, 0},
                                      {0, b* a2, -a2, -b, 1, 0},       {0, point_p, 0, -point_s, 0, 1}};
constexpr float output_matrix[4][6] = {
    {1, 1, 1, 1, 1, 0}, {0, a, -a, b, -b, 0}, {0, a2, a2, b2, b2, 0}, {0, a3, -a3, b3, -b3, 1}};

/// result[R][R] = matrix · tile · matrixᵀ.
template <int R>
void transform(const float (&matrix)[R][6], const float (&tile)[6][6], float (&result)[R][R]) {
  float half[R][6];
  for (int i = 0; i < R; ++i) {
    for (int j = 0; j < 6; ++j) {
      half[i][j] = 0;
      for (int k = 0; k < 6; ++k) half[i][j] += matrix[i][k] * tile[k][j];
    }
  }
  for (int i = 0; i < R; ++i) {
    for (int j = 0; j < R; ++j) {
      result[i][j] = 0;
      for (int k = 0; k < 6; ++k) result[i][j] += half[i][k] * matrix[j][k];
    }
  }
}

int images(const ConvGeometry&) { return 1; }

/// Without vectors the transforms cost more than they save: this twin is for tests.
bool pays(const ConvGeometry&, int) { return false; }

std::size_t packed_floats(const ConvGeometry& g) {
  return static_cast<std::size_t>(winograd_points) * g.out_channels * g.in_channels;
}

void pack(const ConvGeometry& g, const float* weights, float* packed) {
  const int filters = g.out_channels * g.in_channels;
  for (int f = 0; f < filters; ++f) transform_filter(weights + f * 9, packed + f, static_cast<std::size_t>(filters));
}

std::size_t scratch_floats(const ConvGeometry& g) { return static_cast<std::size_t>(winograd_points) * g.in_channels; }

/// Bᵀ·x·B of the tile whose first output is (oh, ow), of each channel.
void transform_input(const ConvGeometry& g, const float* x, int oh, int ow, float* v) {
  for (int ci = 0; ci < g.in_channels; ++ci, x += g.in_h * g.in_w) {
    float tile[6][6], points[6][6];
    for (int i = 0; i < 6; ++i) {
      for (int j = 0; j < 6; ++j) {
        const int ih = oh + i - g.pad_h, iw = ow + j - g.pad_w;
        tile[i][j] = ih >= 0 && ih < g.in_h && iw >= 0 && iw < g.in_w ? x[ih * g.in_w + iw] : 0.0f;
      }
    }
    transform(input_matrix, tile, points);
    for (int k = 0; k < winograd_points; ++k) v[k * g.in_channels + ci] = points[k / 6][k % 6];
  }
}

void forward_image(const ConvGeometry& g, const float* x, const float* packed, float* y, float* v) {
  for (int oh = 0; oh < g.out_h; oh += 4) {
    for (int ow = 0; ow < g.out_w; ow += 4) {
      transform_input(g, x, oh, ow, v);
      for (int co = 0; co < g.out_channels; ++co) {
        float points[6][6], tile[4][4];
        for (int k = 0; k < winograd_points; ++k) {
          const float* u = packed + (k * g.out_channels + co) * g.in_channels;
          float sum = 0;
          for (int ci = 0; ci < g.in_channels; ++ci) sum += u[ci] * v[k * g.in_channels + ci];
          points[k / 6][k % 6] = sum;
        }
        transform(output_matrix, points, tile);
        for (int i = 0; i < std::min(4, g.out_h - oh); ++i) {
          for (int j = 0; j < std::min(4, g.out_w - ow); ++j) {
            y[(co * g.out_h + oh + i) * g.out_w + ow + j] = tile[i][j];
          }
        }
      }
    }
  }
}

void forward(const ConvGeometry& g, const float* x, int images, const float* packed, float* y, float* scratch,
             FetchAhead*) {
  for (int n = 0; n < images; ++n) {
    forward_image(g, x, packed, y, scratch);
    x += g.in_channels * g.in_h * g.in_w;
    y += g.out_channels * g.out_h * g.out_w;
  }
}

}  // namespace

const WinogradKernels winograd_scalar = {images, pays, packed_floats, pack, scratch_floats, forward};

}  // namespace deepzero::cpu
