// The CPU backend's ops, one maker per op file. A new op adds its folder, its maker here and its line in
// registry.cpp.
#pragma once

#include "cpu/op.h"

namespace deepzero::cpu {

std::unique_ptr<CpuOp> make_add(const Op& op, Isa isa);
std::unique_ptr<CpuOp> make_avg_pool(const Op& op, Isa isa);
std::unique_ptr<CpuOp> make_batch_norm(const Op& op, Isa isa);
std::unique_ptr<CpuOp> make_concat(const Op& op, Isa isa);
std::unique_ptr<CpuOp> make_conv2d(const Op& op, Isa isa);
std::unique_ptr<CpuOp> make_global_avg_pool(const Op& op, Isa isa);
std::unique_ptr<CpuOp> make_leaky_relu(const Op& op, Isa isa);
std::unique_ptr<CpuOp> make_linear(const Op& op, Isa isa);
std::unique_ptr<CpuOp> make_max_pool(const Op& op, Isa isa);
std::unique_ptr<CpuOp> make_relu(const Op& op, Isa isa);
std::unique_ptr<CpuOp> make_shortcut_a(const Op& op, Isa isa);
std::unique_ptr<CpuOp> make_sigmoid(const Op& op, Isa isa);
std::unique_ptr<CpuOp> make_tanh(const Op& op, Isa isa);
std::unique_ptr<CpuOp> make_upsample(const Op& op, Isa isa);

}  // namespace deepzero::cpu
