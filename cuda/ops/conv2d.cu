// Of a direction u: (W + μ·U)∗d + U∗x + u_b. Dense differences of queries go over the tensor cores where they may be
// rounded and there are channels enough; those in one channel have a kernel of their own.
#include "cuda/ops/conv2d.cuh"
#include "engine/ops/conv2d.h"

#include <algorithm>

#include "cuda/memory.h"
#include "cuda/ops/conv2d_fan_out.cuh"
#include "cuda/ops/conv2d_matrix.cuh"
#include "cuda/ops/conv2d_packing.cuh"
#include "cuda/ops/conv2d_strips.h"
#include "cuda/registry.h"

namespace deepzero::cuda {
namespace {

/// Fewer input channels would leave most of a matrix empty.
constexpr int kFewestChannels = 8;
/// Shared memory of a block of which a multiprocessor of compute capability 8.0 or 9.0 holds two.
constexpr std::size_t kMostShared = std::size_t{80} << 10;

int round_up(int n, int to) { return (n + to - 1) / to * to; }

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
    if (prepared_bytes(precision) == 0) return;
    const int size = packed_size();
    packed_.reserve(static_cast<std::size_t>(size));
    largest_weight_.reserve(1);
    find_largest_weight(stream, weight_, out_.c * row(), largest_weight_.data());
    const Block block{stream, 1, 1, 1, precision};
    with_stored(block, [&]<class T>() {
      if constexpr (!std::is_same_v<T, float>) {
        if (fits_strips(geometry_))
          return pack_strip_weights(block, geometry_, in_.c, weight_, largest_weight_.data(), packed<T>());
        launch_elements("pack_weights", block, size,
                        PackWeights<T>{weight_, largest_weight_.data(), out_.c, out_padded(), in_.c, geometry_.taps(),
                                       packed<T>()});
      }
    });
  }
  std::size_t prepared_bytes(Precision precision) const override {
    const bool packs = precision != Precision::f32 && in_.c >= kFewestChannels;
    return packs ? static_cast<std::size_t>(packed_size()) * sizeof(std::uint16_t) + sizeof(unsigned) : 0;
  }
  void base(const BaseCall& call) override {
    convolution<float>({call.stream, 1, call.count, 1},
                       {geometry_, call.inputs[0], in_.c, weight_, row(), bias_, false, {call.output}});
  }
  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    const Moved& moved = call.moved;
    const bool reached = d.kind != Support::none;
    if (on_tensor_cores(d.kind, call.block.precision))
      return fits_strips(geometry_) ? strip_convolution(call) : matrix_convolution(call);
    if (fanned_out(d.kind, call.block.precision) && !call.whole && !moved.any()) return fan_out_convolution(call);
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
  bool normalises_input(Support::Kind in, Precision precision) const override { return on_tensor_cores(in, precision); }
  bool forms_sums(Support::Kind in, Precision precision) const override {
    return on_tensor_cores(in, precision) || fanned_out(in, precision);
  }
  int sum_parts(Support::Kind in, int count) const override {
    if (in == Support::one) return fan_parts(geometry_, count);
    return fits_strips(geometry_) ? strip_parts(geometry_, in_.c, count) : tile(count).per_query();
  }

 private:
  /// Output channels of a block: all of them, or 64 at a time.
  int block_out() const { return out_.c <= 16 ? 16 : out_.c <= 32 ? 32 : 64; }
  int packed_size() const {
    if (fits_strips(geometry_)) return static_cast<int>(strip_weights(geometry_, in_.c));
    return round_up(in_.c, kMatrixDepth) * geometry_.taps() * out_padded();
  }
  int out_padded() const { return round_up(out_.c, block_out()); }

  Tile tile(int count) const { return make_tile(geometry_, count); }
  /// Whether there are channels enough, and shared memory whatever the number of images.
  bool on_tensor_cores(Support::Kind in, Precision precision) const {
    return in == Support::dense && precision != Precision::f32 && in_.c >= kFewestChannels &&
           (fits_strips(geometry_) || matrix_shared(geometry_, tile(kMatrixPixels), block_out(), 1) <= kMostShared);
  }
  void strip_convolution(const DifferenceCall& call) const {
    const View& d = call.in[0];
    with_stored(call.block, [&]<class T>() {
      if constexpr (!std::is_same_v<T, float>)
        convolve_in_strips<T>(call.block.stream, {.g = geometry_,
                                                  .d = d.as<T>(),
                                                  .normalised = d.normalised,
                                                  .queries = call.block.queries,
                                                  .count = call.block.count,
                                                  .channels = in_.c,
                                                  .packed = packed<T>(),
                                                  .largest_weight = largest_weight_.data(),
                                                  .y = destination<T>(call),
                                                  .xc = call.sums.xc,
                                                  .sums = call.sums.sums});
    });
  }
  void matrix_convolution(const DifferenceCall& call) const {
    const Block& block = call.block;
    const View& d = call.in[0];
    const Tile tile = this->tile(block.count);
    const int outs = out_padded() / block_out();
    const int stages = in_.c > kMatrixDepth && matrix_shared(geometry_, tile, block_out(), 2) <= kMostShared ? 2 : 1;
    const auto blocks =
        static_cast<unsigned>(outs) * static_cast<unsigned>(block.queries) * static_cast<unsigned>(tile.per_query());
    with_stored(block, [&]<class T>() {
      if constexpr (!std::is_same_v<T, float>) {
        const MatrixConvolution<T> c{.g = geometry_,
                                     .tile = tile,
                                     .d = d.as<T>(),
                                     .normalised = d.normalised,
                                     .queries = block.queries,
                                     .count = block.count,
                                     .channels = in_.c,
                                     .out_padded = out_padded(),
                                     .packed = packed<T>(),
                                     .largest_weight = largest_weight_.data(),
                                     .stages = stages,
                                     .wide_in = in_.w % kVector == 0,
                                     .wide_out = in_vectors(geometry_, tile),
                                     .y = destination<T>(call),
                                     .xc = call.sums.xc,
                                     .sums = call.sums.sums};
        require_shape(matrix_shared(geometry_, tile, block_out(), stages) <= kMostShared, "convolve_matrix");
        const auto kernel = block_out() == 16   ? convolve_matrix<16, T>
                            : block_out() == 32 ? convolve_matrix<32, T>
                                                : convolve_matrix<64, T>;
        launch("convolve_matrix", kernel, blocks, kMatrixThreads, matrix_shared(geometry_, tile, block_out(), stages),
               block.stream, c);
      }
    });
  }

  /// Whether queries go from one channel into all by fan_out(), but for the network's output.
  bool fanned_out(Support::Kind in, Precision precision) const {
    return in == Support::one && precision != Precision::f32 && fans_out(geometry_);
  }
  void fan_out_convolution(const DifferenceCall& call) const {
    const View& d = call.in[0];
    with_stored(call.block, [&]<class T>() {
      if constexpr (!std::is_same_v<T, float>)
        launch_fan_out<T>(call.block.stream, {.g = geometry_,
                                              .queries = call.block.queries,
                                              .count = call.block.count,
                                              .parts = fan_parts(geometry_, call.block.count),
                                              .d = d.as<T>(),
                                              .weight = weight_ + d.channel * geometry_.taps(),
                                              .row = row(),
                                              .y = static_cast<T*>(call.out),
                                              .largest = call.block.largest,
                                              .xc = call.sums.xc,
                                              .sums = call.sums.sums});
    });
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
  DeviceBuffer<unsigned> largest_weight_;  // its bits
};

}  // namespace

std::unique_ptr<CudaOp> make_conv2d(const Op& op) {
  return std::make_unique<CudaConv2d>(static_cast<const Conv2d&>(op));
}

}  // namespace deepzero::cuda
