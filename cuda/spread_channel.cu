#include "cuda/spread_channel.h"

#include "cuda/elements.cuh"

namespace deepzero::cuda {
namespace {

struct SpreadChannel {
  const float* d;
  int first, plane, count;
  float* out;
  __device__ void operator()(const Element& e) const {
    const std::size_t image = static_cast<std::size_t>(e.query) * count + e.image;
    const int i = e.i - first;
    out[e.at] = i >= 0 && i < plane ? d[image * plane + i] : 0;
  }
};

}  // namespace

void spread_channel(const Block& block, const View& view, const Shape& shape, float* out) {
  launch_elements("spread_channel", block, shape.size(),
                  SpreadChannel{view.data, view.channel * shape.plane(), shape.plane(), block.count, out});
}

}  // namespace deepzero::cuda
