// Elementwise kernels over a tensor [Q][N][size]: one thread per element calls each(Element).
#pragma once

#include "cuda/launch.cuh"
#include "cuda/op.h"

namespace deepzero::cuda {

struct Element {
  std::size_t at;  ///< in the whole tensor
  int query, image;
  int i;  ///< in the image
};

inline constexpr int kElementThreads = 256;

/// grid: Q·N·tiles blocks, each a stretch of kElementThreads elements of one image.
template <class Each>
__global__ void each_element(Each each, int count, int size, int tiles) {
  const int image = static_cast<int>(blockIdx.x) / tiles;
  const int i = static_cast<int>(blockIdx.x) % tiles * kElementThreads + static_cast<int>(threadIdx.x);
  if (i < size) each(Element{static_cast<std::size_t>(image) * size + i, image / count, image % count, i});
}

template <class Each>
void launch_elements(const char* name, const Block& block, int size, const Each& each) {
  const int tiles = (size + kElementThreads - 1) / kElementThreads;
  launch(name, each_element<Each>, static_cast<unsigned>(block.images()) * static_cast<unsigned>(tiles),
         kElementThreads, 0, block.stream, each, block.count, size, tiles);
}

}  // namespace deepzero::cuda
