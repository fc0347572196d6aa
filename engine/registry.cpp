#include "engine/registry.h"

#include "engine/ops/add.h"
#include "engine/ops/avg_pool.h"
#include "engine/ops/batch_norm.h"
#include "engine/ops/concat.h"
#include "engine/ops/conv2d.h"
#include "engine/ops/global_avg_pool.h"
#include "engine/ops/leaky_relu.h"
#include "engine/ops/linear.h"
#include "engine/ops/max_pool.h"
#include "engine/ops/relu.h"
#include "engine/ops/shortcut_a.h"
#include "engine/ops/sigmoid.h"
#include "engine/ops/tanh.h"
#include "engine/ops/upsample.h"

namespace deepzero {
namespace {

template <class T>
std::unique_ptr<Op> make(const OpSpec& spec) {
  return std::make_unique<T>(spec);
}

constexpr OpEntry kOps[] = {
    {"conv2d", 1, make<Conv2d>},
    {"batchNorm2d", 1, make<BatchNorm>},
    {"relu", 1, make<Relu>},
    {"leakyRelu", 1, make<LeakyRelu>},
    {"tanh", 1, make<Tanh>},
    {"sigmoid", 1, make<Sigmoid>},
    {"add", 2, make<Add>},
    {"concat", 2, make<Concat>},
    {"shortcutA", 1, make<ShortcutA>},
    {"maxPool2d", 1, make<MaxPool>},
    {"avgPool2d", 1, make<AvgPool>},
    {"upsample2d", 1, make<Upsample>},
    {"globalAvgPool", 1, make<GlobalAvgPool>},
    {"linear", 1, make<Linear>},
};

}  // namespace

std::span<const OpEntry> op_registry() { return kOps; }

}  // namespace deepzero
