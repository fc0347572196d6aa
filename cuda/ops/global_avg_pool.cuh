// The mean of each plane, of values and differences alike. A few lanes take a plane, each some of its vectors of eight,
// or of its elements where planes are not made of vectors; sums are float32 in a vector and float64 beyond it.
#pragma once

#include "cuda/reduce.cuh"
#include "cuda/vectors.cuh"

namespace deepzero::cuda {
namespace {

constexpr int kPoolThreads = 128;

template <class T>
struct Means {
  const T* x;    ///< [Q][planes][plane]
  int planes;    ///< of a query
  int plane;     ///< elements
  int lanes;     ///< of a plane
  bool vectors;  ///< whether planes are made of them
  Destination<T> y;

  __device__ double part(const T* from, int lane) const {
    double sum = 0;
    if (vectors)
      for (int v = lane; v < plane / kVector; v += lanes) {
        float values[kVector], some = 0;
        load_widened(from + v * kVector, values);
        for (const float value : values) some += value;
        sum += static_cast<double>(some);
      }
    else
      for (int i = lane; i < plane; i += lanes) sum += static_cast<double>(widened(from[i]));
    return sum;
  }
};

/// grid: (groups of planes, queries).
template <class T>
__global__ void plane_means(Means<T> m) {
  const int thread = static_cast<int>(threadIdx.x), lane = thread % m.lanes, query = static_cast<int>(blockIdx.y);
  const int p = static_cast<int>(blockIdx.x) * (kPoolThreads / m.lanes) + thread / m.lanes;
  const std::size_t at = static_cast<std::size_t>(query) * m.planes + p;
  const double sum = lanes_sum(p < m.planes ? m.part(m.x + at * m.plane, lane) : 0, m.lanes);
  Writer<T> writer(m.y);
  if (p < m.planes && lane == 0) writer.put(at, static_cast<float>(sum / m.plane));
  writer.finish(query);
}

}  // namespace
}  // namespace deepzero::cuda
