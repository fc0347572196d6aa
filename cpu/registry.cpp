#include "cpu/registry.h"

#include "engine/error.h"

namespace deepzero::cpu {
namespace {

struct Entry {
  const char* kind;
  std::unique_ptr<CpuOp> (*make)(const Op&, Isa);
};

constexpr Entry kOps[] = {
    {"add", make_add},
    {"batchNorm2d", make_batch_norm},
    {"conv2d", make_conv2d},
    {"relu", make_relu},
    {"linear", make_linear},
    {"globalAvgPool", make_global_avg_pool},
    {"maxPool2d", make_max_pool},
    {"shortcutA", make_shortcut_a},
    {"leakyRelu", make_leaky_relu},
    {"tanh", make_tanh},
    {"sigmoid", make_sigmoid},
    {"avgPool2d", make_avg_pool},
    {"upsample2d", make_upsample},
    {"concat", make_concat},
};

}  // namespace

std::unique_ptr<CpuOp> make_cpu_op(const Op& op, Isa isa) {
  for (const Entry& entry : kOps)
    if (op.kind() == entry.kind) return entry.make(op, isa);
  throw Error("ERR_NETWORK", "the CPU backend has no " + op.kind() + " (" + op.name() + ")");
}

}  // namespace deepzero::cpu
