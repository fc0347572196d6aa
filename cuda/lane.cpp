#include "cuda/lane.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "cuda/direction.h"
#include "cuda/observer.h"
#include "cuda/range.h"
#include "cuda/spread_channel.h"
#include "engine/index.h"

namespace deepzero::cuda {
namespace {

// Where the largest number of a tensor lies for float16 to have its full eleven bits in all that matters beside it,
// with numbers a sixteenth of it still normal and its roundings at most 2⁻¹⁵ of it anywhere.
constexpr float kLeastHalf = 0x1p-10f, kMostHalf = 0x1p15f;

std::size_t bytes_of(Precision precision) {
  return precision == Precision::f32 ? sizeof(float) : sizeof(std::uint16_t);
}

/// Of so many queries, how many are done again at once in float32: their differences take the memory of all of them in
/// half precision.
std::size_t part_again(std::size_t queries) { return (queries + 1) / 2; }

std::vector<Query> picked(std::span<const Query> queries, std::span<const std::size_t> indices) {
  std::vector<Query> list;
  for (const std::size_t index : indices) list.push_back(queries[index]);
  return list;
}

}  // namespace

Lane::Lane(const Network& network, const Replica& replica) : network_(network), replica_(replica) {}

Lane::Room Lane::room(const Program& program, std::size_t queries, int count) const {
  std::size_t scratch = 0;
  for (std::size_t s = 0; s < program.plans.size(); ++s) {
    const int op = program.route.steps[s].op;
    const CudaOp& cuda_op = *replica_.ops()[at(op)];
    scratch = std::max(scratch, program.plans[s].forms_sums
                                    ? at(network_.op(op).output_shape().c) *
                                          at(cuda_op.sum_parts(program.route.steps[s].in[0].kind, count)) * 3
                                    : cuda_op.scratch_floats(count));
  }
  const int outputs = network_.outputs() + network_.shape(network_.values() - 1).plane();
  Room room{.differences = program.elements * bytes_of(program.precision) * queries * at(count),
            .outputs = at(outputs) * queries * at(count),
            .scratch = scratch * queries,
            .coefficients = program.coefficients * queries};
  if (program.in_float32 == nullptr) return room;
  const Room again = this->room(*program.in_float32, part_again(queries), count);
  return {std::max(room.differences, again.differences), room.outputs, std::max(room.scratch, again.scratch),
          std::max(room.coefficients, again.coefficients)};
}

std::size_t Lane::bytes(const Program& program, std::size_t queries, int count) const {
  const Room room = this->room(program, queries, count);
  const std::size_t query =
      sizeof(std::uint32_t) + sizeof(double) * (at(count) + 1) + program.route.steps.size() * sizeof(unsigned);
  return room.differences + (room.outputs + room.scratch + room.coefficients) * sizeof(float) + queries * query;
}

std::size_t Lane::direction_bytes(const Program& program, int count) const {
  return bytes(program, 1, count) + 2 * network_.parameter_count() * sizeof(float);
}

void Lane::reserve(const Program& program, std::size_t queries) {
  count_ = replica_.count();
  const std::size_t images = queries * at(count_);
  const Room room = this->room(program, queries, count_);
  differences_.reserve(room.differences);
  outputs_.reserve(room.outputs);
  scratch_memory_.reserve(room.scratch);
  coefficients_.reserve(room.coefficients);
  elements_.reserve(queries);
  losses_.reserve(images);
  sums_.reserve(queries);
  largest_.reserve(program.route.steps.size() * queries);
  host_elements_.reserve(queries);
  host_largest_.reserve(program.route.steps.size() * queries);
  host_sums_.reserve(queries);
}

void Lane::release() {
  differences_.release();
  outputs_.release();
  scratch_memory_.release();
  coefficients_.release();
  losses_.release();
  largest_.release();
}

template <class Call>
void Lane::settled(const Call& call) {
  try {
    call();
  } catch (...) {
    stream_.settle();
    throw;
  }
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
      release();  // what did grow would stand in the way of what did not
      continue;
    }
    settled([&] { each(done, Work{program, perturbation, &chunk, std::span(chunk.queries).subspan(done, size)}); });
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
  with_room([&] { release(); },
            [&] {
              reserve(program, 1);
              direction_.reserve(parameters);
              moved_.reserve(parameters);
            });
  double out = 0;
  settled([&] {
    stream_.to_device(direction_.data(), direction.components.data(), parameters);
    move_parameters(stream_, replica_.parameters(), static_cast<float>(perturbation.sign), perturbation.mu,
                    static_cast<int>(parameters), direction_.data(), moved_.data());
    losses({program, perturbation}, control, {&out, 1});
  });
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
    again(work, beyond_half(work), [&](std::span<const std::size_t> indices, const Work& part) {
      into(part, [&](std::size_t q) { return first + indices[q]; });
    });
  });
}

void Lane::losses(const Work& work, const Control& control, std::span<double> out) {
  const Perturbation& p = work.perturbation;
  const float* d = propagate(work, control);
  {
    const Range range("deepzero: reduction");
    replica_.loss().differences(block(work), d, p.label_smoothing, losses_.data(), sums_.data());
    stream_.to_host(host_sums_.data(), sums_.data(), work.size());
    stream_.wait();
  }
  for (std::size_t q = 0; q < out.size(); ++q) out[q] = host_sums_.data()[q] / (count_ * p.mu * p.sign);
  again(work, beyond_half(work), [&](std::span<const std::size_t> indices, const Work& part) {
    std::vector<double> anew(indices.size());
    losses(part, control, anew);
    for (std::size_t i = 0; i < indices.size(); ++i) out[indices[i]] = anew[i];
  });
}

template <class Each>
void Lane::again(const Work& work, std::span<const std::size_t> indices, const Each& each) {
  redone_ += indices.size();
  const std::size_t most = part_again(work.size());
  for (std::size_t done = 0; done < indices.size(); done += most) {
    const std::span<const std::size_t> some = indices.subspan(done, std::min(most, indices.size() - done));
    const std::vector<Query> queries = picked(work.queries, some);
    each(some, Work{*work.program.in_float32, work.perturbation, work.chunk, queries});
  }
}

std::vector<std::size_t> Lane::beyond_half(const Work& work) const {
  std::vector<std::size_t> list;
  if (work.program.precision != Precision::f16) return list;
  const std::size_t steps = work.program.route.steps.size();
  for (std::size_t q = 0; q < work.size(); ++q)
    for (std::size_t step = 0; step < steps; ++step) {
      const float largest = std::bit_cast<float>(host_largest_.data()[step * work.size() + q]);
      // Outputs are not rounded.
      if (is_output(written(work.program, step)) ? std::isfinite(largest) : largest == 0) continue;
      if (largest >= kLeastHalf && largest <= kMostHalf) continue;
      list.push_back(q);
      break;
    }
  return list;
}

Block Lane::block(const Work& work, std::size_t step) const {
  return {stream_,
          static_cast<int>(work.size()),
          count_,
          work.perturbation.mu,
          work.program.precision,
          largest_.data() + step * work.size()};
}
int Lane::written(const Program& program, std::size_t step) const {
  const int relu = program.plans[step].relu;
  return network_.op(relu < 0 ? program.route.steps[step].op : relu).output();
}
void* Lane::place(const Work& work, int value) const {
  const std::size_t images = work.size() * at(count_);
  if (is_output(value)) {
    const bool one = work.program.route.support[at(value)].kind == Support::one;
    return outputs_.data() + (one ? at(network_.outputs()) * images : 0);
  }
  return differences_.data() + work.program.offset[at(value)] * bytes_of(work.program.precision) * images;
}
View Lane::view(const Work& work, int value) const {
  const Program& program = work.program;
  const Support& support = program.route.support[at(value)];
  if (support.kind == Support::none) return {};
  View view{place(work, value), support.kind, work.channel(support)};
  const int by = program.normalised_by[at(value)];
  if (by < 0) return view;
  const CudaOp& batch_norm = *replica_.ops()[at(program.route.steps[at(by)].op)];
  view.normalised =
      batch_norm.normalisation(block(work, at(by)), view, coefficients(work, at(by)), program.plans[at(by)].relu >= 0);
  return view;
}
float* Lane::coefficients(const Work& work, std::size_t step) const {
  return coefficients_.data() + work.program.plans[step].coefficients * work.size();
}
Sums Lane::sums(const Work& work, std::size_t step) const {
  const Program& program = work.program;
  if (program.plans[step].forms_sums)
    return {scratch_memory_.data(), replica_.ops()[at(program.route.steps[step + 1].op)]->centred()};
  if (step > 0 && program.plans[step - 1].forms_sums) {
    const Step& before = program.route.steps[step - 1];
    return {scratch_memory_.data(), nullptr, replica_.ops()[at(before.op)]->sum_parts(before.in[0].kind, count_)};
  }
  return {};
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

int Lane::queries_of(const Work& work, int op, int role) const {
  return static_cast<int>(std::count_if(work.queries.begin(), work.queries.end(), [&](const Query& query) {
    const ParameterInfo& parameter = network_.parameters()[at(query.parameter)];
    return parameter.op == op && parameter.role == role;
  }));
}
Started Lane::started(const Work& work, int op) const {
  if (work.chunk == nullptr || network_.parameter(op, 0) == nullptr) return {};
  return {queries_of(work, op, 0), queries_of(work, op, 1), static_cast<float>(work.perturbation.sign)};
}
void Lane::seed(const Work& work, void* out, bool whole) const {
  const int op = work.chunk->op;
  const std::size_t bytes = at(network_.op(op).output_shape().plane()) * at(count_) *
                            (whole ? sizeof(float) : bytes_of(work.program.precision));
  auto* const planes = static_cast<std::byte*>(out);
  std::size_t first = 0;
  for (const int role : {0, 1}) {
    Block stretch = block(work);
    stretch.queries = queries_of(work, op, role);
    stretch.largest += first;
    if (stretch.queries > 0)
      replica_.ops()[at(op)]->seed({stretch, role, work.chunk->channel, elements_.data() + first,
                                    static_cast<float>(work.perturbation.sign), planes + first * bytes, whole});
    first += at(stretch.queries);
  }
  stream_.clear(planes + first * bytes, (work.size() - first) * bytes);
}

const float* Lane::propagate(const Work& work, const Control& control) {
  const Range range("deepzero: block");
  const Program& program = work.program;
  const bool checked = work.program.precision == Precision::f16;
  if (checked) stream_.clear(largest_.data(), program.route.steps.size() * work.size());
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
    const Plan& plan = program.plans[s];
    if (plan.applied) continue;
    const ObservedOp observed(step.op);
    const int value = written(program, s);
    void* const out = place(work, value);
    if (work.chunk != nullptr && step.op == work.chunk->op) {
      seed(work, out, is_output(value));
      continue;
    }
    in.clear();
    for (const int input : op.inputs()) in.push_back(view(work, input));
    cuda_op.difference({.block = whole,
                        .in = in,
                        .out = plan.left ? nullptr : out,
                        .whole = is_output(value),
                        .out_kind = step.out.kind,
                        .out_channel = work.channel(step.out),
                        .scratch = scratch_memory_.data(),
                        .moved = moved(work, step.op),
                        .relu = {plan.relu < 0 ? nullptr : replica_.ops()[at(plan.relu)]->base_input()},
                        .coefficients = coefficients(work, s),
                        .sums = sums(work, s),
                        .started = started(work, step.op)});
  }
  if (checked) stream_.to_host(host_largest_.data(), largest_.data(), program.route.steps.size() * work.size());
  const int output = network_.values() - 1;
  const View z = view(work, output);
  if (z.kind != Support::one) return z.as<float>();
  spread_channel(block(work), z, network_.shape(output), outputs_.data());
  return outputs_.data();
}

}  // namespace deepzero::cuda
