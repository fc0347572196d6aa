// The option-A shortcut: every stride-th row and column, zeros in the channels around. The same for values and
// differences.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/vectors.cuh"

namespace deepzero::cuda {
namespace {

/// From [images][in_c][in_h][in_w] to [images][..][out_h][out_w], the input's channels from channel `shift` on.
template <class T>
struct ShortcutA {
  const T* x;
  int in_c, in_h, in_w, out_h, out_w;
  int shift, stride, count;
  __device__ float operator()(const Element& e) const {
    const int c = e.i / (out_h * out_w) - shift, h = e.i / out_w % out_h, w = e.i % out_w;
    const std::size_t image = static_cast<std::size_t>(e.query) * count + e.image;
    return c >= 0 && c < in_c ? widened(x[((image * in_c + c) * in_h + h * stride) * in_w + w * stride]) : 0;
  }
};

/// The same of differences of two bytes at stride 1 or 2, by vectors of a row; `grid` counts them.
template <class T>
__global__ void shortcut_vectors(ShortcutA<T> s, Destination<T> out, ElementGrid grid) {
  const int vector = grid.tile() * static_cast<int>(blockDim.x) + static_cast<int>(threadIdx.x);
  Writer<T> writer(out);
  if (vector < grid.end()) {
    const Element e = grid.element(vector);
    const int across = s.out_w / kVector, row = e.i / across, v = e.i - row * across;
    const int channel = row / s.out_h, h = row - channel * s.out_h, c = channel - s.shift;
    float y[kVector] = {};
    if (c >= 0 && c < s.in_c) {
      const std::size_t image = static_cast<std::size_t>(e.query) * s.count + e.image;
      const T* from = s.x + ((image * s.in_c + c) * s.in_h + h * s.stride) * s.in_w + v * kVector * s.stride;
      float first[kVector], second[kVector];
      load_widened(from, first);
      if (s.stride == 1) {
        for (int i = 0; i < kVector; ++i) y[i] = first[i];
      } else {
        load_widened(from + kVector, second);
        for (int i = 0; i < kVector; ++i) y[i] = i < kVector / 2 ? first[2 * i] : second[2 * i - kVector];
      }
    }
    writer.put_vector(e.at * kVector, y);
  }
  writer.finish(grid.query());
}

}  // namespace
}  // namespace deepzero::cuda
