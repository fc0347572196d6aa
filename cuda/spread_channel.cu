#include "cuda/spread_channel.h"

#include "cuda/elements.cuh"

namespace deepzero::cuda {
namespace {

struct SpreadChannel {
  const float* d;
  int first, plane, count;
  __device__ float operator()(const Element& e) const {
    const std::size_t image = static_cast<std::size_t>(e.query) * count + e.image;
    const int i = e.i - first;
    return i >= 0 && i < plane ? d[image * plane + i] : 0;
  }
};

}  // namespace

void spread_channel(const Block& block, const View& view, const Shape& shape, float* out) {
  launch_difference<float>("spread_channel", block, shape.size(), {out},
                           SpreadChannel{view.as<float>(), view.channel * shape.plane(), shape.plane(), block.count});
}

}  // namespace deepzero::cuda
