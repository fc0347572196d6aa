// What one device holds: the weights, an object per op, and the base features of a batch. Every device runs the base
// pass itself, which is cheaper than shipping features.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "cuda/losses/loss.h"
#include "cuda/memory.h"
#include "cuda/op.h"
#include "engine/backend.h"

namespace deepzero::cuda {

class Replica {
 public:
  /// `device` is a CUDA ordinal; it is current while the constructor, load() and base() run.
  Replica(const Network& network, int device, Precision precision);

  int device() const { return device_; }
  /// Makes the device current on this thread.
  void enter() const;

  void load(std::span<const float> parameters, std::span<const float> buffers);
  BaseResult base(const Batch& batch, Statistics statistics, bool keep, const Control& control);

  /// Bytes that weights and the base features of a batch take, kept for queries or not.
  std::size_t resident_bytes(int count, bool keep) const;

  std::span<const std::unique_ptr<CudaOp>> ops() const { return ops_; }
  const float* parameters() const { return parameters_.data(); }
  int count() const { return count_; }
  /// Of the last base pass that was kept.
  const DeviceLoss& loss() const { return loss_; }

 private:
  /// Where values of a base pass live, in floats per image.
  struct Layout {
    std::vector<std::size_t> offset;  ///< per value but the input
    std::size_t floats = 0;
  };
  Layout lay_out(bool keep) const;

  const Network& network_;
  int device_;
  Precision precision_;
  Stream stream_;
  std::vector<std::unique_ptr<CudaOp>> ops_;
  Layout layouts_[2];  // without and with features kept
  int count_ = 0;
  DeviceBuffer<float> parameters_, buffers_;
  DeviceBuffer<float> input_, values_;
  DeviceBuffer<double> observed_;
  DeviceLoss loss_;
};

}  // namespace deepzero::cuda
