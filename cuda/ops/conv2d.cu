// Of a direction u: (W + μ·U)∗d + U∗x + u_b. Dense differences of queries go over the tensor cores where they may be
// rounded and there are channels enough.
#include "cuda/ops/conv2d.cuh"
#include "engine/ops/conv2d.h"

#include <algorithm>

#include "cuda/memory.h"
#include "cuda/ops/conv2d_matrix.cuh"
#include "cuda/registry.h"

namespace deepzero::cuda {
namespace {

/// Fewer input channels would leave most of a matrix empty.
constexpr int kFewestChannels = 8;
/// Shared memory that two blocks of a multiprocessor have on all devices.
constexpr std::size_t kMostShared = std::size_t{80} << 10;

int round_up(int n, int to) { return (n + to - 1) / to * to; }

Tile make_tile(const ConvGeometry& g, int count) {
  Tile t{};
  t.w = std::min(g.out_w, 32);
  t.h = std::min(g.out_h, kMatrixPixels / t.w);
  t.images = std::min(count, kMatrixPixels / (t.w * t.h));
  t.seen_h = (t.h - 1) * g.stride_h + g.kernel_h;
  t.seen_w = (t.w - 1) * g.stride_w + g.kernel_w;
  t.across = (g.out_w + t.w - 1) / t.w;
  t.down = (g.out_h + t.h - 1) / t.h;
  t.groups = (count + t.images - 1) / t.images;
  return t;
}

class CudaConv2d final : public CudaOp {
 public:
  explicit CudaConv2d(const Conv2d& op)
      : in_(op.input_shape()), out_(op.output_shape()), geometry_{in_.h,       in_.w,       out_.c,      out_.h,
                                                                  out_.w,      op.kernel_h, op.kernel_w, op.stride_h,
                                                                  op.stride_w, op.pad_h,    op.pad_w} {}

  void load(const float* weight, const float* bias, const float*) override {
    weight_ = weight;
    bias_ = bias;
  }
  void prepare(const Stream& stream, Precision precision) override {
    if (precision == Precision::f32 || in_.c < kFewestChannels) return;
    const int size = round_up(in_.c, kMatrixDepth) * geometry_.taps() * out_padded();
    packed_.reserve(static_cast<std::size_t>(size));
    const Block block{stream, 1, 1, 1, precision};
    with_stored(block, [&]<class T>() {
      if constexpr (!std::is_same_v<T, float>)
        launch_elements("pack_weights", block, size,
                        PackWeights<T>{weight_, out_.c, out_padded(), in_.c, geometry_.taps(), packed<T>()});
    });
  }
  void base(const BaseCall& call) override {
    convolution<float>({call.stream, 1, call.count, 1},
                       {geometry_, call.inputs[0], in_.c, weight_, row(), bias_, false, {call.output}});
  }
  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const Moved& moved = call.moved;
    const bool reached = d.kind != Support::none;
    if (d.kind == Support::dense && call.block.precision != Precision::f32 && matrix_convolution(call)) return;
    if (reached) {
      const bool one = d.kind == Support::one;
      const float* weight = moved.weight != nullptr ? moved.moved_weight : weight_;
      with_stored(call.block, [&]<class T>() {
        convolution<T>(call.block,
                       {geometry_, d.as<T>(), one ? 1 : in_.c, weight + (one ? d.channel * geometry_.taps() : 0), row(),
                        moved.bias, false, destination<T>(call)});
      });
    }
    // Of a direction. Without input channels it is the bias alone.
    if (moved.weight != nullptr || !reached)
      convolution<float>(call.block, {geometry_, base_input(), moved.weight != nullptr ? in_.c : 0, moved.weight, row(),
                                      reached ? nullptr : moved.bias, reached, destination<float>(call)});
  }
  void seed(const SeedCall& call) const override {
    const ConvSeed seed{geometry_, call.role == 0 ? base_input() : nullptr, in_.c, call.elements, call.sign};
    with_stored(call.block, [&]<class T>() {
      launch_difference("conv_seed", call.block, out_.plane(), destination<T>(call), seed);
    });
  }

 private:
  /// Output channels of a block: all of them, or 64 at a time.
  int block_out() const { return out_.c <= 16 ? 16 : out_.c <= 32 ? 32 : 64; }
  int out_padded() const { return round_up(out_.c, block_out()); }

  /// False when it was not done, for want of channels or of shared memory.
  bool matrix_convolution(const DifferenceCall& call) const {
    if (in_.c < kFewestChannels) return false;
    const Block& block = call.block;
    const Tile tile = make_tile(geometry_, block.count);
    const std::size_t shared = sizeof(std::uint16_t) * kMatrixDepth *
                               static_cast<std::size_t>(geometry_.taps() * block_out() + tile.positions());
    if (shared > kMostShared) return false;
    const dim3 grid(static_cast<unsigned>(block.queries) * static_cast<unsigned>(tile.groups * tile.down * tile.across),
                    static_cast<unsigned>(out_padded() / block_out()));
    with_stored(block, [&]<class T>() {
      if constexpr (!std::is_same_v<T, float>) {
        const MatrixConvolution<T> c{geometry_, tile,         call.in[0].as<T>(), block.count,
                                     in_.c,     out_padded(), packed<T>(),        destination<T>(call)};
        const auto kernel = block_out() == 16   ? convolve_matrix<16, T>
                            : block_out() == 32 ? convolve_matrix<32, T>
                                                : convolve_matrix<64, T>;
        launch("convolve_matrix", kernel, grid, kMatrixThreads, shared, block.stream, c);
      }
    });
    return true;
  }

  int row() const { return in_.c * geometry_.taps(); }
  /// Weights in the precision of differences.
  template <class T>
  T* packed() const {
    return reinterpret_cast<T*>(packed_.data());
  }
  template <class T>
  static void convolution(const Block& block, const Convolution<T>& c) {
    const int tiles = (c.g.out_h * c.g.out_w + kConvPixels - 1) / kConvPixels;
    const dim3 grid(static_cast<unsigned>(block.images()) * static_cast<unsigned>(tiles),
                    static_cast<unsigned>((c.g.out_c + kConvOut - 1) / kConvOut));
    launch("convolve", convolve<T>, grid, kConvPixels, kConvShared, block.stream, c, tiles, block.count);
  }

  Shape in_, out_;
  ConvGeometry geometry_;
  const float *weight_ = nullptr, *bias_ = nullptr;
  DeviceBuffer<std::uint16_t> packed_;
};

}  // namespace

std::unique_ptr<CudaOp> make_conv2d(const Op& op) {
  return std::make_unique<CudaConv2d>(static_cast<const Conv2d&>(op));
}

}  // namespace deepzero::cuda
