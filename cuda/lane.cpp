#include "cuda/lane.h"

#include <algorithm>
#include <bit>

#include "cuda/direction.h"
#include "cuda/spread_channel.h"

namespace deepzero::cuda {
namespace {

// Where the largest number of a tensor lies for float16 to have its full eleven bits in all that matters beside it,
// with room for sums on the one side and for numbers a thousandth of it on the other.
constexpr float kLeastHalf = 0x1p-10f, kMostHalf = 0x1p15f;

std::size_t at(int index) { return static_cast<std::size_t>(index); }

std::vector<Query> picked(std::span<const Query> queries, std::span<const std::size_t> indices) {
  std::vector<Query> list;
  for (const std::size_t index : indices) list.push_back(queries[index]);
  return list;
}

}  // namespace

Lane::Lane(const Network& network, const Replica& replica, bool rounds)
    : network_(network), replica_(replica), rounds_(rounds) {}

std::size_t Lane::bytes(const Program& program, std::size_t queries, int count) const {
  std::size_t scratch = 0;
  for (const Step& step : program.route.steps)
    scratch = std::max(scratch, replica_.ops()[at(step.op)]->scratch_floats(count));
  const std::size_t k = at(network_.outputs());
  const std::size_t image = (program.floats + k) * sizeof(float) + sizeof(double);
  const std::size_t query = sizeof(std::uint32_t) + sizeof(double) + program.route.steps.size() * sizeof(unsigned);
  return queries * (at(count) * image + scratch * sizeof(float) + query);
}

void Lane::reserve(const Program& program, std::size_t queries) {
  count_ = replica_.count();
  std::size_t scratch = 0;
  for (const Step& step : program.route.steps)
    scratch = std::max(scratch, replica_.ops()[at(step.op)]->scratch_floats(count_));
  const std::size_t images = queries * at(count_);
  differences_.reserve(program.floats * images);
  scratch_memory_.reserve(scratch * queries);
  outputs_.reserve(at(network_.outputs()) * images);
  elements_.reserve(queries);
  losses_.reserve(images);
  sums_.reserve(queries);
  largest_.reserve(program.route.steps.size() * queries);
  host_elements_.reserve(queries);
  host_largest_.reserve(program.route.steps.size() * queries);
  host_sums_.reserve(queries);
}

template <class Each>
void Lane::in_parts(const Program& program, const Chunk& chunk, const Perturbation& perturbation, const Each& each) {
  replica_.enter();
  std::size_t most = chunk.queries.size();
  for (std::size_t done = 0; done < chunk.queries.size();) {
    const std::size_t size = std::min(most, chunk.queries.size() - done);
    try {
      reserve(program, size);
    } catch (const Error& error) {
      if (error.code() != "ERR_OUT_OF_MEMORY" || size == 1) throw;
      most = (size + 1) / 2;
      continue;
    }
    each(done, Work{program, perturbation, &chunk, std::span(chunk.queries).subspan(done, size), rounds_});
    done += size;
  }
}

void Lane::evaluate(const Program& program, const Chunk& chunk, const Perturbation& perturbation,
                    const Control& control, std::span<double> out) {
  in_parts(program, chunk, perturbation,
           [&](std::size_t first, const Work& work) { losses(work, control, out.subspan(first, work.size())); });
}

double Lane::evaluate(const Program& program, const Direction& direction, const Perturbation& perturbation,
                      const Control& control) {
  replica_.enter();
  const std::size_t parameters = network_.parameter_count();
  reserve(program, 1);
  direction_.reserve(parameters);
  moved_.reserve(parameters);
  stream_.to_device(direction_.data(), direction.components.data(), parameters);
  move_parameters(stream_, replica_.parameters(), static_cast<float>(perturbation.sign), perturbation.mu,
                  static_cast<int>(parameters), direction_.data(), moved_.data());
  double out = 0;
  losses({program, perturbation}, control, {&out, 1});
  return out;
}

void Lane::output_differences(const Program& program, const Chunk& chunk, const Perturbation& perturbation,
                              const Control& control, std::span<float> out) {
  const std::size_t one = at(replica_.count()) * at(network_.outputs());
  const auto into = [&](const Work& work, const auto& place) {
    const float* d = propagate(work, control);
    for (std::size_t q = 0; q < work.size(); ++q) stream_.to_host(out.data() + place(q) * one, d + q * one, one);
    stream_.wait();
  };
  in_parts(program, chunk, perturbation, [&](std::size_t first, const Work& work) {
    into(work, [&](std::size_t q) { return first + q; });
    const std::vector<std::size_t> again = beyond_half(work);
    if (again.empty()) return;
    const std::vector<Query> queries = picked(work.queries, again);
    into({program, perturbation, &chunk, queries}, [&](std::size_t q) { return first + again[q]; });
  });
}

void Lane::losses(const Work& work, const Control& control, std::span<double> out) {
  const Perturbation& p = work.perturbation;
  const float* d = propagate(work, control);
  replica_.loss().differences(block(work), d, p.label_smoothing, losses_.data(), sums_.data());
  stream_.to_host(host_sums_.data(), sums_.data(), work.size());
  stream_.wait();
  for (std::size_t q = 0; q < out.size(); ++q) out[q] = host_sums_.data()[q] / (count_ * p.mu * p.sign);
  const std::vector<std::size_t> again = beyond_half(work);
  if (again.empty()) return;
  const std::vector<Query> queries = picked(work.queries, again);
  std::vector<double> anew(again.size());
  losses({work.program, p, work.chunk, queries}, control, anew);
  for (std::size_t i = 0; i < again.size(); ++i) out[again[i]] = anew[i];
}

std::vector<std::size_t> Lane::beyond_half(const Work& work) const {
  std::vector<std::size_t> list;
  if (!work.rounded) return list;
  for (std::size_t q = 0; q < work.size(); ++q)
    for (std::size_t step = 0; step < work.program.route.steps.size(); ++step) {
      const float largest = std::bit_cast<float>(host_largest_.data()[step * work.size() + q]);
      if (largest == 0 || (largest >= kLeastHalf && largest <= kMostHalf)) continue;
      list.push_back(q);
      break;
    }
  return list;
}

Block Lane::block(const Work& work, std::size_t step) const {
  return {stream_, static_cast<int>(work.size()), count_, work.perturbation.mu,
          work.rounded ? largest_.data() + step * work.size() : nullptr};
}
float* Lane::place(const Work& work, int value) const {
  return differences_.data() + work.program.offset[at(value)] * work.size() * at(count_);
}
View Lane::view(const Work& work, int value) const {
  const Support& support = work.program.route.support[at(value)];
  if (support.kind == Support::none) return {};
  return {place(work, value), support.kind, work.channel(support)};
}
Moved Lane::moved(const Work& work, int op) const {
  const std::array<bool, 2>& roles = work.program.route.moved[at(op)];
  Moved result;
  if (roles[0]) {
    result.weight = direction_.data() + network_.parameter(op, 0)->offset;
    result.moved_weight = moved_.data() + network_.parameter(op, 0)->offset;
  }
  if (roles[1]) result.bias = direction_.data() + network_.parameter(op, 1)->offset;
  return result;
}

const float* Lane::propagate(const Work& work, const Control& control) {
  const Program& program = work.program;
  if (work.rounded) stream_.clear(largest_.data(), program.route.steps.size() * work.size());
  if (work.chunk != nullptr) {
    std::transform(work.queries.begin(), work.queries.end(), host_elements_.data(),
                   [](const Query& query) { return query.element; });
    stream_.to_device(elements_.data(), host_elements_.data(), work.size());
  }
  std::vector<View> in;
  for (std::size_t s = 0; s < program.route.steps.size(); ++s) {
    control.check();
    const Step& step = program.route.steps[s];
    const Block whole = block(work, s);
    const Op& op = network_.op(step.op);
    const CudaOp& cuda_op = *replica_.ops()[at(step.op)];
    if (program.applied[s]) continue;
    const int relu = program.relu[s];
    float* out = place(work, relu < 0 ? op.output() : network_.op(relu).output());
    if (work.chunk != nullptr && step.op == work.chunk->op) {
      cuda_op.seed({whole, work.chunk->parameter, work.chunk->channel, elements_.data(),
                    static_cast<float>(work.perturbation.sign), out});
      continue;
    }
    in.clear();
    for (const int input : op.inputs()) in.push_back(view(work, input));
    cuda_op.difference({whole,
                        in,
                        out,
                        step.out.kind,
                        work.channel(step.out),
                        scratch_memory_.data(),
                        moved(work, step.op),
                        {relu < 0 ? nullptr : replica_.ops()[at(relu)]->base_input()}});
  }
  if (work.rounded) stream_.to_host(host_largest_.data(), largest_.data(), program.route.steps.size() * work.size());
  const int output = network_.values() - 1;
  const View z = view(work, output);
  if (z.kind != Support::one) return z.data;
  spread_channel(block(work), z, network_.shape(output), outputs_.data());
  return outputs_.data();
}

}  // namespace deepzero::cuda
