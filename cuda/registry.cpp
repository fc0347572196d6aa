#include "cuda/registry.h"

#include "engine/error.h"

namespace deepzero::cuda {
namespace {

struct Entry {
  const char* kind;
  std::unique_ptr<CudaOp> (*make)(const Op&);
};

constexpr Entry kOps[] = {
    {"add", make_add},
    {"avgPool2d", make_avg_pool},
    {"batchNorm2d", make_batch_norm},
    {"concat", make_concat},
    {"conv2d", make_conv2d},
    {"globalAvgPool", make_global_avg_pool},
    {"leakyRelu", make_leaky_relu},
    {"linear", make_linear},
    {"maxPool2d", make_max_pool},
    {"relu", make_relu},
    {"shortcutA", make_shortcut_a},
    {"sigmoid", make_sigmoid},
    {"tanh", make_tanh},
    {"upsample2d", make_upsample},
};

}  // namespace

std::unique_ptr<CudaOp> make_cuda_op(const Op& op) {
  for (const Entry& entry : kOps)
    if (op.kind() == entry.kind) return entry.make(op);
  throw Error("ERR_NETWORK", "the CUDA backend has no " + op.kind() + " (" + op.name() + ")");
}

}  // namespace deepzero::cuda
