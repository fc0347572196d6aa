#include "cuda/direction.h"

#include "cuda/elements.cuh"

namespace deepzero::cuda {
namespace {

struct MoveParameters {
  const float* parameters;
  float sign;
  double mu;
  float *u, *moved;
  __device__ void operator()(const Element& e) const {
    const float component = sign * u[e.at];
    u[e.at] = component;
    moved[e.at] = static_cast<float>(static_cast<double>(parameters[e.at]) + mu * static_cast<double>(component));
  }
};

}  // namespace

void move_parameters(const Stream& stream, const float* parameters, float sign, double mu, int count, float* u,
                     float* moved) {
  launch_elements("move_parameters", {stream, 1, 1, mu}, count, MoveParameters{parameters, sign, mu, u, moved});
}

}  // namespace deepzero::cuda
