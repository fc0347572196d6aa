// The CUDA backend's ops, one maker per op file. A new op adds its file, its maker here and its line in registry.cpp.
#pragma once

#include "cuda/op.h"

namespace deepzero::cuda {

std::unique_ptr<CudaOp> make_add(const Op& op);
std::unique_ptr<CudaOp> make_avg_pool(const Op& op);
std::unique_ptr<CudaOp> make_batch_norm(const Op& op);
std::unique_ptr<CudaOp> make_concat(const Op& op);
std::unique_ptr<CudaOp> make_conv2d(const Op& op);
std::unique_ptr<CudaOp> make_global_avg_pool(const Op& op);
std::unique_ptr<CudaOp> make_leaky_relu(const Op& op);
std::unique_ptr<CudaOp> make_linear(const Op& op);
std::unique_ptr<CudaOp> make_max_pool(const Op& op);
std::unique_ptr<CudaOp> make_relu(const Op& op);
std::unique_ptr<CudaOp> make_shortcut_a(const Op& op);
std::unique_ptr<CudaOp> make_sigmoid(const Op& op);
std::unique_ptr<CudaOp> make_tanh(const Op& op);
std::unique_ptr<CudaOp> make_upsample(const Op& op);

}  // namespace deepzero::cuda
