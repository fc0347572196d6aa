// Elementwise kernels over a tensor [Q][N][size]: one thread per element calls each(Element), or a thread computes a
// few elements of a difference and writes them as the block stores them.
#pragma once

#include <algorithm>

#include "cuda/stored.cuh"

namespace deepzero::cuda {

struct Element {
  std::size_t at;  ///< in the whole tensor
  int query, image;
  int i;  ///< in the image
};

/// Threads of a block: full warps, no more than there is work for.
inline constexpr int kElementThreads = 256;
inline int element_threads(int size) {
  constexpr int most = kElementThreads, warp = 32;
  return size < most ? (size + warp - 1) / warp * warp : most;
}

/// A grid of blocks, each a stretch of one image's `size` elements, or of all elements of some images that are smaller
/// than a stretch. Queries count fastest, then stretches: blocks that run together read the same base features, from
/// the second-level cache.
struct ElementGrid {
  int queries, count, size, tiles, group;  ///< group: images of a block
  ElementGrid(const Block& block, int of_image, int stretch)
      : queries(block.queries),
        count(block.count),
        size(of_image),
        tiles((of_image + stretch - 1) / stretch),
        group(std::clamp(block.images() / kFewestBlocks, 1, std::max(1, stretch / of_image))) {}
  unsigned blocks() const {
    return static_cast<unsigned>(queries) * static_cast<unsigned>((count + group - 1) / group) *
           static_cast<unsigned>(tiles);
  }
  __device__ int query() const { return static_cast<int>(blockIdx.x) % queries; }
  __device__ int tile() const { return static_cast<int>(blockIdx.x) / queries % tiles; }
  __device__ int image() const { return static_cast<int>(blockIdx.x) / queries / tiles * group; }
  /// Elements of the block's images.
  __device__ int end() const {
    const int left = count - image();
    return (left < group ? left : group) * size;
  }
  /// Element `i` of the block's images.
  __device__ Element element(int i) const {
    const int q = query(), n = group == 1 ? 0 : i / size, first = image();
    return {(static_cast<std::size_t>(q) * count + first) * size + i, q, first + n, i - n * size};
  }

 private:
  /// More than a device runs at once.
  static constexpr int kFewestBlocks = 2048;
};

template <class Each>
__global__ void each_element(Each each, ElementGrid grid) {
  const int threads = static_cast<int>(blockDim.x);
  const int i = grid.tile() * threads + static_cast<int>(threadIdx.x);
  if (i < grid.end()) each(grid.element(i));
}

template <class Each>
void launch_elements(const char* name, const Block& block, int size, const Each& each) {
  const ElementGrid grid(block, size, kElementThreads);
  launch(name, each_element<Each>, grid.blocks(), static_cast<unsigned>(element_threads(size * grid.group)), 0,
         block.stream, each, grid);
}

/// Elements of a thread, as far apart as there are threads: their loads are in flight together.
inline constexpr int kElementsEach = 4;

template <class T, class Each>
__global__ void each_difference(Each each, Destination<T> out, ElementGrid grid) {
  const int threads = static_cast<int>(blockDim.x), end = grid.end();
  const int first = grid.tile() * threads * kElementsEach + static_cast<int>(threadIdx.x);
  float values[kElementsEach] = {};
  // Behind the last element the last one again, for nothing: loads that no branch divides stay together.
  DEEPZERO_UNROLL
  for (int k = 0; k < kElementsEach; ++k) {
    const int i = first + k * threads;
    values[k] = each(grid.element(i < end ? i : end - 1));
  }
  Writer<T> writer(out);
  for (int k = 0; k < kElementsEach; ++k)
    if (first + k * threads < end) writer.put(grid.element(first + k * threads).at, values[k]);
  writer.finish(grid.query());
}

/// out[at] = each(Element), a float that the kernel rounds. In place, `each` may read out at its own element alone.
template <class T, class Each>
void launch_difference(const char* name, const Block& block, int size, const Destination<T>& out, const Each& each) {
  const ElementGrid grid(block, size, kElementThreads * kElementsEach);
  const int threads =
      grid.tiles > 1 ? kElementThreads : element_threads((size * grid.group + kElementsEach - 1) / kElementsEach);
  launch(name, each_difference<T, Each>, grid.blocks(), static_cast<unsigned>(threads), 0, block.stream, each, out,
         grid);
}

}  // namespace deepzero::cuda
