#include "cuda/client/backend.h"

#include <algorithm>
#include <deque>

#include "cuda/threads.h"
#include "engine/error.h"
#include "engine/route.h"

namespace deepzero::cuda {
namespace {

/// A network in the plain structures of the interface, and what they point to.
class PlainNetwork {
 public:
  explicit PlainNetwork(const NetworkSpec& spec) {
    for (const OpSpec& op : spec.ops) {
      auto& inputs = inputs_.emplace_back();
      for (const std::string& input : op.inputs) inputs.push_back(input.c_str());
      auto& attributes = attributes_.emplace_back();
      for (const auto& [name, value] : op.attributes) attributes.push_back(attribute(name, value));
      ops_.push_back(
          {op.op.c_str(), op.name.c_str(), inputs.data(), inputs.size(), attributes.data(), attributes.size()});
    }
    plain_ = {
        spec.name.c_str(), spec.loss.c_str(), {spec.input.c, spec.input.h, spec.input.w}, ops_.data(), ops_.size()};
  }
  const api::NetworkSpec& get() const { return plain_; }

 private:
  static api::Attribute attribute(const std::string& name, const Attribute& value) {
    api::Attribute plain{.name = name.c_str()};
    if (const bool* flag = std::get_if<bool>(&value)) {
      plain.kind = api::Attribute::flag;
      plain.value = *flag ? 1 : 0;
    } else if (const double* number = std::get_if<double>(&value)) {
      plain.kind = api::Attribute::number;
      plain.value = *number;
    } else if (const std::string* word = std::get_if<std::string>(&value)) {
      plain.kind = api::Attribute::word;
      plain.text = word->c_str();
    } else {
      const auto& list = std::get<std::vector<double>>(value);
      plain.kind = api::Attribute::list;
      plain.values = list.data();
      plain.count = list.size();
    }
    return plain;
  }

  std::deque<std::vector<const char*>> inputs_;
  std::deque<std::vector<api::Attribute>> attributes_;
  std::vector<api::OpSpec> ops_;
  api::NetworkSpec plain_{};
};

std::int32_t number(Statistics statistics) { return statistics == Statistics::batch ? 0 : 1; }
api::Perturbation plain(const Perturbation& p) { return {p.mu, p.sign, number(p.statistics), p.label_smoothing}; }
api::Control plain(const Control& control) { return {control.cancelled}; }

struct PlainChunk {
  explicit PlainChunk(const Chunk& chunk) {
    for (const Query& query : chunk.queries) {
      elements.push_back(query.element);
      parameters.push_back(query.parameter);
    }
    plain = {chunk.op, chunk.channel, elements.data(), parameters.data(), elements.size()};
  }
  std::vector<std::uint32_t> elements;
  std::vector<std::int32_t> parameters;
  api::Chunk plain{};
};

class Client final : public Backend {
 public:
  Client(const api::Table& table, api::Backend* backend, std::shared_ptr<const Network> network)
      : table_(table), backend_(backend), network_(std::move(network)) {}
  ~Client() override { table_.destroy(backend_); }

  BackendInfo info() const override {
    api::Info known{};
    table_.info(backend_, &known);
    return {"cuda", known.isa, known.reason, known.lanes, known.redone};
  }

  void load(std::span<const float> parameters, std::span<const float> buffers) override {
    call([&](api::Failure* failure) { return table_.load(backend_, parameters.data(), buffers.data(), failure); });
  }

  BaseResult base(const Batch& batch, Statistics statistics, bool keep, const Control& control) override {
    const api::Batch given{batch.input, batch.labels, batch.count, batch.targets};
    const api::Control stop = plain(control);
    BaseResult result{.outputs = std::vector<float>(static_cast<std::size_t>(batch.count) * network_->outputs()),
                      .observed = std::vector<double>(network_->buffer_count())};
    call([&](api::Failure* failure) {
      return table_.base(backend_, &given, number(statistics), keep, &stop, result.outputs.data(),
                         result.observed.data(), failure);
    });
    return result;
  }

  int start(int op) const override { return carried_with(*network_, op); }

  int block(int op, Statistics statistics, int count) override {
    std::int32_t most = 1;
    call([&](api::Failure* failure) { return table_.block(backend_, op, number(statistics), count, &most, failure); });
    return most;
  }

  void evaluate(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                std::span<double> out) override {
    const PlainChunk given(chunk);
    const api::Perturbation by = plain(perturbation);
    const api::Control stop = plain(control);
    call([&](api::Failure* failure) {
      return table_.evaluate(backend_, lane, &given.plain, &by, &stop, out.data(), failure);
    });
  }

  double evaluate_direction(int lane, const Direction& direction, const Perturbation& perturbation,
                            const Control& control) override {
    const std::vector<std::uint8_t> moved(direction.moved.begin(), direction.moved.end());
    const api::Direction given{direction.components.data(), direction.components.size(), moved.data(), moved.size()};
    const api::Perturbation by = plain(perturbation);
    const api::Control stop = plain(control);
    double out = 0;
    call([&](api::Failure* failure) {
      return table_.evaluate_direction(backend_, lane, &given, &by, &stop, &out, failure);
    });
    return out;
  }

  void output_differences(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                          std::span<float> out) override {
    const PlainChunk given(chunk);
    const api::Perturbation by = plain(perturbation);
    const api::Control stop = plain(control);
    call([&](api::Failure* failure) {
      return table_.output_differences(backend_, lane, &given.plain, &by, &stop, out.data(), out.size(), failure);
    });
  }

  void on_lanes(const std::function<void(int lane)>& work) override {
    on_threads(static_cast<std::size_t>(info().lanes), [&](std::size_t lane) { work(static_cast<int>(lane)); });
  }

 private:
  template <class Function>
  static void call(const Function& function) {
    api::Failure failure{};
    if (!function(&failure)) throw Error(failure.code, failure.message);
  }

  const api::Table& table_;
  api::Backend* backend_;
  std::shared_ptr<const Network> network_;
};

}  // namespace

std::unique_ptr<Backend> make_client(const Library& library, const NetworkSpec& spec,
                                     std::shared_ptr<const Network> network, const ClientOptions& options) {
  if (!library.reason.empty()) throw Error("ERR_DEVICE", library.reason);
  const PlainNetwork given(spec);
  const std::vector<std::int32_t> devices(options.devices.begin(), options.devices.end());
  const api::Options chosen{devices.data(), devices.size(), options.streams, options.memory,
                            static_cast<std::int32_t>(options.precision)};
  api::Failure failure{};
  api::Backend* const backend = library.table->create(&given.get(), &chosen, &failure);
  if (backend == nullptr) throw Error(failure.code, failure.message);
  return std::make_unique<Client>(*library.table, backend, std::move(network));
}

}  // namespace deepzero::cuda
