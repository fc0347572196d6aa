// Batch norm. The base pass keeps the centred input xc and a, v, r per channel (engine/rules/batch_norm.h); a
// difference takes its three sums of parts of a channel in float32 and across the parts in float64, both in a fixed
// order, and becomes A·d + B·xc + C. The parts are images, or the tiles of the convolution that formed them.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/ops/normalised.cuh"
#include "cuda/reduce.cuh"
#include "cuda/vectors.cuh"
#include "engine/rules/batch_norm.h"

namespace deepzero::cuda {
namespace {

constexpr int kPlaneThreads = 128;
constexpr std::size_t kPlaneShared = sizeof(double) * kPlaneThreads / kWarp;

// --- Base pass. Grids of images × channels, or one warp per channel. ---

/// sums[n][c] = Σ x over the plane.
__global__ void plane_sums(const float* x, int plane, double* sums) {
  const float* from = x + static_cast<std::size_t>(blockIdx.x) * plane;
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < plane; i += kPlaneThreads) sum += static_cast<double>(from[i]);
  sum = block_sum(sum, shared_memory<double>());
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

/// Σ over images of sums[n·stride + offset], by one warp.
__device__ double warp_sum_of_images(const double* sums, int count, int stride, int offset) {
  double sum = 0;
  for (int n = static_cast<int>(threadIdx.x) % kWarp; n < count; n += kWarp)
    sum += sums[static_cast<std::size_t>(n) * stride + offset];
  return warp_sum(sum);
}

/// mean[c], of the batch or (without sums) the running one.
__global__ void channel_means(const double* sums, const float* running, int count, double values, float* mean) {
  const int c = static_cast<int>(blockIdx.x), channels = static_cast<int>(gridDim.x);
  if (sums == nullptr) {
    if (threadIdx.x == 0) mean[c] = running[c];
    return;
  }
  const double sum = warp_sum_of_images(sums, count, channels, c);
  if (threadIdx.x == 0) mean[c] = static_cast<float>(sum / values);
}

/// xc = x − mean, and its moments[n][c] = {Σ xc, Σ xc²}.
__global__ void centre(const float* x, const float* mean, int channels, int plane, float* xc, double* moments) {
  const std::size_t first = static_cast<std::size_t>(blockIdx.x) * plane;
  const float m = mean[blockIdx.x % channels];
  double sum = 0, squares = 0;
  for (int i = static_cast<int>(threadIdx.x); i < plane; i += kPlaneThreads) {
    const float value = x[first + i] - m;
    xc[first + i] = value;
    sum += static_cast<double>(value);
    squares += static_cast<double>(value) * static_cast<double>(value);
  }
  auto* shared = shared_memory<double>();
  sum = block_sum(sum, shared);
  squares = block_sum(squares, shared);
  if (threadIdx.x != 0) return;
  moments[2 * blockIdx.x] = sum;
  moments[2 * blockIdx.x + 1] = squares;
}

/// a, v, r of each channel, and what the batch's statistics are: mean [C], unbiased variance [C].
__global__ void channel_statistics(const double* moments, const float* mean, const float* running_variance, int count,
                                   double values, double eps, rules::BatchNormBase* bases, double* observed) {
  const int c = static_cast<int>(blockIdx.x), channels = static_cast<int>(gridDim.x);
  rules::BatchNormBase base{0, 0, 0, eps};
  if (observed == nullptr) {
    base.v = static_cast<double>(running_variance[c]);
  } else {
    base.a = warp_sum_of_images(moments, count, 2 * channels, 2 * c) / values;
    base.v = warp_sum_of_images(moments, count, 2 * channels, 2 * c + 1) / values - base.a * base.a;
    if (base.v < 0) base.v = 0;
  }
  base.r = 1 / sqrt(base.v + eps);
  if (threadIdx.x != 0) return;
  bases[c] = base;
  if (observed == nullptr) return;
  observed[c] = static_cast<double>(mean[c]) + base.a;
  observed[channels + c] = base.v * values / (values - 1);
}

/// affine[c] = {s, t} with y = γ·r·(xc − a) + β = s·xc + t.
struct BatchNormAffine {
  const float *gamma, *beta;
  const rules::BatchNormBase* bases;
  float* affine;
  __device__ void operator()(const Element& e) const {
    const double scale = static_cast<double>(gamma[e.i]) * bases[e.i].r;
    affine[2 * e.i] = static_cast<float>(scale);
    affine[2 * e.i + 1] = static_cast<float>(static_cast<double>(beta[e.i]) - scale * bases[e.i].a);
  }
};

/// y = s·xc + t.
struct BatchNormForward {
  const float *xc, *affine;
  int plane;
  float* y;
  __device__ void operator()(const Element& e) const {
    const int c = e.i / plane;
    y[e.at] = affine[2 * c] * xc[e.at] + affine[2 * c + 1];
  }
};

// --- A difference of `channels` channels from channel `first` on. ---

template <class T>
struct BatchNormQuery {
  const T* d;       ///< [Q][N][channels][plane]; null where the input has no difference
  const float* xc;  ///< [N][all channels][plane]
  const rules::BatchNormBase* bases;
  const float* gamma;
  const float *u_gamma, *u_beta;  ///< of a direction, or null
  bool directed;                  ///< by a direction that moves γ or β
  bool batch;                     ///< statistics
  int count, all_channels, first, channels, plane;
  double mu;
  int moving, gammas;  ///< queries that come from d, and those of γ behind them; the others are of β
  float sign;          ///< of those of γ and β

  __device__ const float* centred(int image, int c) const {
    return xc + (static_cast<std::size_t>(image) * all_channels + first + c) * plane;
  }
  __device__ const T* difference(int query, int image, int c) const {
    return d + ((static_cast<std::size_t>(query) * count + image) * channels + c) * plane;
  }
};

/// sums[q][c][n] = {Σ d, Σ xc·d, Σ d²} over the plane, by `lanes` lanes; `vectors`: whether planes are made of them.
template <class T>
__global__ void batch_norm_sums(BatchNormQuery<T> b, std::size_t planes, int lanes, bool vectors, float* sums) {
  const int thread = static_cast<int>(threadIdx.x), lane = thread % lanes;
  const std::size_t number = static_cast<std::size_t>(blockIdx.x) * (kPlaneThreads / lanes) + thread / lanes;
  const bool is = number < planes;
  const std::size_t plane = is ? number : planes - 1, image = plane / b.channels;
  const int c = static_cast<int>(plane % b.channels), n = static_cast<int>(image % b.count),
            q = static_cast<int>(image / b.count);
  const T* from = b.difference(q, n, c);
  const float* xc = b.centred(n, c);
  float total[3] = {};
  if (vectors) {
    for (int v = lane; v < b.plane / kVector; v += lanes) {
      float d[kVector], x[kVector];
      load_widened(from + v * kVector, d);
      load_vector(xc + v * kVector, x);
      for (int e = 0; e < kVector; ++e) add_sums(total, d[e], x[e]);
    }
  } else {
    for (int i = lane; i < b.plane; i += lanes) add_sums(total, widened(from[i]), xc[i]);
  }
  float* to = sums + ((static_cast<std::size_t>(q) * b.channels + c) * b.count + n) * 3;
  for (int k = 0; k < 3; ++k) {
    const float sum = lanes_sum(total[k], lanes);
    if (is && lane == 0) to[k] = sum;
  }
}

/// Σ (x + Δx − m − centre), or its squares, over all images, by one warp.
template <class T>
__device__ double warp_moment(const BatchNormQuery<T>& b, int q, int c, double centre_at, bool squared) {
  double total = 0;
  for (int n = 0; n < b.count; ++n) {
    const float* xc = b.centred(n, c);
    const T* d = b.difference(q, n, c);
    for (int i = static_cast<int>(threadIdx.x); i < b.plane; i += kWarp) {
      const double moved = static_cast<double>(xc[i]) + b.mu * static_cast<double>(widened(d[i])) - centre_at;
      total += squared ? moved * moved : moved;
    }
  }
  return warp_sum(total);
}

/// What a query of γ (role 0), x̂, or of β, 1, starts with, times sign, as coefficients of a difference that is 0.
__device__ inline rules::BatchNormCoefficients batch_norm_start(const rules::BatchNormBase& base, int role,
                                                                float sign) {
  const auto s = static_cast<double>(sign);
  return role == 0 ? rules::BatchNormCoefficients{0, s * base.r, s * (-base.r * base.a)}
                   : rules::BatchNormCoefficients{0, 0, s};
}

/// coefficients[q][c] = {A, B, C, 0} from sums[q][c][parts], by one warp. grid: (q, c).
template <class T>
__global__ void batch_norm_finish(BatchNormQuery<T> b, const float* sums, int parts, float* coefficients) {
  const int c = static_cast<int>(blockIdx.x) % b.channels, q = static_cast<int>(blockIdx.x) / b.channels;
  const rules::BatchNormBase base = b.bases[b.first + c];
  const double gamma = static_cast<double>(b.gamma[b.first + c]);
  rules::BatchNormCoefficients k{0, 0, 0};
  if (q >= b.moving) {
    k = batch_norm_start(base, q < b.moving + b.gammas ? 0 : 1, b.sign);
  } else if (b.d != nullptr && !b.batch) {
    k.a = b.directed ? base.r : gamma * base.r;
  } else if (b.d != nullptr) {
    double total[3] = {};
    for (int part = static_cast<int>(threadIdx.x); part < parts; part += kWarp)
      for (int j = 0; j < 3; ++j)
        total[j] += static_cast<double>(sums[(static_cast<std::size_t>(blockIdx.x) * parts + part) * 3 + j]);
    for (double& sum : total) sum = warp_sum(sum);
    const double values = static_cast<double>(b.count) * b.plane;
    const rules::BatchNormChange change = rules::batch_norm_change(base, total[0], total[1], total[2], values, b.mu);
    double scale;
    if (rules::batch_norm_recomputes(change, b.mu)) {  // the same for all lanes
      const double mean = warp_moment(b, q, c, 0, false) / values;
      const double variance = warp_moment(b, q, c, mean, true) / values;
      scale = (1 / sqrt(variance + base.eps) - base.r) / b.mu;
    } else {
      scale = rules::batch_norm_scale_change(base, change, b.mu);
    }
    k = rules::batch_norm_coefficients(base, change.mean, scale, b.directed ? 1 : gamma, b.mu);
  }
  if (threadIdx.x != 0) return;
  if (b.directed)
    k = rules::batch_norm_moved(base, k, gamma, b.u_gamma != nullptr ? static_cast<double>(b.u_gamma[b.first + c]) : 0,
                                b.u_beta != nullptr ? static_cast<double>(b.u_beta[b.first + c]) : 0, b.mu);
  float* to = coefficients + static_cast<std::size_t>(blockIdx.x) * kCoefficients;
  to[0] = static_cast<float>(k.a), to[1] = static_cast<float>(k.b), to[2] = static_cast<float>(k.c), to[3] = 0;
}

/// What a reader would do (cuda/ops/normalised.cuh), for those that do not.
template <class T>
struct BatchNormApply {
  const T* d;  ///< as in BatchNormQuery
  Normalisation normalised;
  int plane;
  __device__ float operator()(const Element& e) const {
    const NormalisedChannel rule = normalised_channel(normalised, e.query, e.i / plane);
    return rule(d != nullptr ? widened(d[e.at]) : 0,
                normalised.xc[static_cast<std::size_t>(e.image) * normalised.stride + e.i]);
  }
};

/// out[q][n] = sign·x̂ of one channel; sign alone for β.
struct BatchNormSeed {
  const float* xc;  ///< null for β
  const rules::BatchNormBase* base;
  int channels, channel, plane;
  float sign;
  __device__ float operator()(const Element& e) const {
    if (xc == nullptr) return sign;
    const float value = xc[(static_cast<std::size_t>(e.image) * channels + channel) * plane + e.i];
    return sign * fmaf(static_cast<float>(base->r), value, static_cast<float>(-base->r * base->a));
  }
};

}  // namespace
}  // namespace deepzero::cuda
