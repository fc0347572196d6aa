// One stream of a device and its workspace: carries a block of queries, or one direction, from its ops to the outputs.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "cuda/program.h"
#include "cuda/replica.h"

namespace deepzero::cuda {

class Lane {
 public:
  /// The replica's device is current.
  Lane(const Network& network, const Replica& replica);

  /// Bytes of workspace that `queries` of a program on `count` images take.
  std::size_t bytes(const Program& program, std::size_t queries, int count) const;
  /// The same of a direction.
  std::size_t direction_bytes(const Program& program, int count) const;

  /// Per query of the chunk, the mean over the batch of Δloss/(sign·μ). Where memory has become scarce, the chunk is
  /// taken in parts; throws ERR_OUT_OF_MEMORY when not even one query fits.
  void evaluate(const Program& program, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                std::span<double> out);
  /// The same of a direction.
  double evaluate(const Program& program, const Direction& direction, const Perturbation& perturbation,
                  const Control& control);
  /// Δoutputs/μ of query q on image n, out[q][n][K].
  void output_differences(const Program& program, const Chunk& chunk, const Perturbation& perturbation,
                          const Control& control, std::span<float> out);

  /// Queries that were done again in float32 so far; from any thread.
  std::uint64_t redone() const { return redone_; }

  /// Gives back what grows with a block.
  void release();

 private:
  /// A stretch of a chunk's queries, or (without a chunk) the direction that the lane holds.
  struct Work {
    const Program& program;
    const Perturbation& perturbation;
    const Chunk* chunk = nullptr;
    std::span<const Query> queries = {};

    std::size_t size() const { return chunk != nullptr ? queries.size() : 1; }
    int channel(const Support& support) const { return chunk != nullptr ? chunk->channel + support.shift : 0; }
  };

  /// Calls each(part) for stretches of the chunk that the workspace takes.
  template <class Each>
  void in_parts(const Program& program, const Chunk& chunk, const Perturbation& perturbation, const Each& each);
  /// What a block of queries takes: bytes of differences, floats of outputs, scratch and coefficients.
  struct Room {
    std::size_t differences, outputs, scratch, coefficients;
  };
  Room room(const Program& program, std::size_t queries, int count) const;
  void reserve(const Program& program, std::size_t queries);
  /// Runs `call`. Where it throws, what it left in the stream is waited for: it writes to this lane's memory.
  template <class Call>
  void settled(const Call& call);
  /// Puts the work into the stream; returns where Δz/μ of all outputs will be, [Q][N][K].
  const float* propagate(const Work& work, const Control& control);
  void losses(const Work& work, const Control& control, std::span<double> out);
  /// After the work was waited for: its queries of which a difference lies beyond the range in which float16 has full
  /// precision. They are to be done again in float32. A matter of the query alone, so that results depend on nothing
  /// else.
  std::vector<std::size_t> beyond_half(const Work& work) const;
  /// Does these queries of the work again in float32: each(their numbers, part) for parts that fit into what is
  /// reserved.
  template <class Each>
  void again(const Work& work, std::span<const std::size_t> indices, const Each& each);
  View view(const Work& work, int value) const;
  void* place(const Work& work, int value) const;
  /// The value whose difference a step makes.
  int written(const Program& program, std::size_t step) const;
  bool is_output(int value) const { return value == network_.values() - 1; }
  Moved moved(const Work& work, int op) const;
  /// The work's queries of an op's parameter of a role.
  int queries_of(const Work& work, int op, int role) const;
  /// Those that start at the op of a step, behind the one at which the chunk begins.
  Started started(const Work& work, int op) const;
  /// The first step of a chunk: each query's plane, 0 for those that start behind it.
  void seed(const Work& work, void* out, bool whole) const;
  float* coefficients(const Work& work, std::size_t step) const;
  Sums sums(const Work& work, std::size_t step) const;
  Block block(const Work& work, std::size_t step = 0) const;

  const Network& network_;
  const Replica& replica_;
  Stream stream_;
  int count_ = 0;
  std::atomic<std::uint64_t> redone_ = 0;
  DeviceBuffer<std::byte> differences_;
  DeviceBuffer<float> outputs_;  // [Q][N][K], and room for one of its channels behind it
  /// Of a step; of sums between a convolution and its batch norm.
  DeviceBuffer<float> scratch_memory_;
  DeviceBuffer<float> coefficients_;  // of batch norms
  DeviceBuffer<std::uint32_t> elements_;
  DeviceBuffer<unsigned> largest_;  // [steps][Q]: bits of the largest |d|, in float16
  DeviceBuffer<double> losses_, sums_;
  DeviceBuffer<float> direction_, moved_;
  PinnedBuffer<std::uint32_t> host_elements_;
  PinnedBuffer<double> host_sums_;
  PinnedBuffer<unsigned> host_largest_;
};

}  // namespace deepzero::cuda
