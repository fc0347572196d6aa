#include "engine/two_pass.h"

#include "engine/index.h"
#include "engine/loss.h"

namespace deepzero {

template <class T>
TwoPass<T>::TwoPass(const Network& network, std::span<const float> parameters, std::span<const float> buffers,
                    double label_smoothing, const Control& control)
    : network_(network),
      label_smoothing_(label_smoothing),
      control_(control),
      parameters_(parameters.begin(), parameters.end()),
      buffers_(buffers.begin(), buffers.end()),
      values_(static_cast<std::size_t>(network.values())) {}

template <class T>
const std::vector<T>& TwoPass<T>::forward(const Batch& batch, Statistics statistics) {
  const std::size_t count = static_cast<std::size_t>(batch.count);
  values_[0].assign(batch.input, batch.input + count * network_.input().size());
  std::vector<std::size_t> readers(values_.size());
  for (int v = 0; v < network_.values(); ++v) readers[at(v)] = network_.consumers(v).size();
  for (int i = 0; i < static_cast<int>(network_.ops().size()); ++i) {
    control_.check();
    const Op& op = network_.op(i);
    Pass<T> pass{.count = batch.count, .statistics = statistics};
    for (const int input : op.inputs()) pass.inputs.push_back(values_[at(input)].data());
    values_[at(op.output())].resize(count * op.output_shape().size());
    pass.output = values_[at(op.output())].data();
    if (const ParameterInfo* weight = network_.parameter(i, 0)) pass.weight = parameters_.data() + weight->offset;
    if (const ParameterInfo* bias = network_.parameter(i, 1)) pass.bias = parameters_.data() + bias->offset;
    if (const BufferInfo* buffer = network_.buffer(i)) pass.buffers = buffers_.data() + buffer->offset;
    op.forward(pass);
    for (const int input : op.inputs())
      if (--readers[at(input)] == 0) std::vector<T>().swap(values_[at(input)]);
  }
  return values_.back();
}

template <class T>
double TwoPass<T>::loss(const Batch& batch, Statistics statistics) {
  return mean_loss(network_.loss(), forward(batch, statistics), batch, network_.outputs(), label_smoothing_);
}

template <class T>
const std::vector<T>& TwoPass<T>::perturbed_forward(const Batch& batch, Statistics statistics, std::size_t coordinate,
                                                    double step) {
  const T saved = parameters_[coordinate];
  parameters_[coordinate] = static_cast<T>(saved + step);
  const std::vector<T>& moved = forward(batch, statistics);
  parameters_[coordinate] = saved;
  return moved;
}

template <class T>
double TwoPass<T>::perturbed_loss(const Batch& batch, Statistics statistics, std::size_t coordinate, double step) {
  const std::vector<T>& moved = perturbed_forward(batch, statistics, coordinate, step);
  return mean_loss(network_.loss(), moved, batch, network_.outputs(), label_smoothing_);
}

template <class T>
double TwoPass<T>::perturbed_loss(const Batch& batch, Statistics statistics, std::span<const float> direction,
                                  double step) {
  const std::vector<T> saved = parameters_;
  for (std::size_t i = 0; i < saved.size(); ++i)
    parameters_[i] = static_cast<T>(static_cast<double>(saved[i]) + step * static_cast<double>(direction[i]));
  const double moved = loss(batch, statistics);
  parameters_ = saved;
  return moved;
}

template class TwoPass<float>;
template class TwoPass<double>;

}  // namespace deepzero
