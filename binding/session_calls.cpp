// Batches and options in, results out; between them the engine's Session works on the call's thread.
#include "binding/session_calls.h"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "binding/arguments.h"
#include "engine/error.h"

namespace deepzero::binding {
namespace {

constexpr std::uint64_t largest_safe = (std::uint64_t{1} << 53) - 1;
constexpr std::uint64_t largest_word = std::numeric_limits<std::uint32_t>::max();

/// A batch of its own, as JavaScript may change or free the arrays while the call runs.
struct OwnedBatch {
  std::vector<float> input;
  std::vector<std::int32_t> labels;
  std::vector<float> targets;
  int count = 0;

  Batch view() const {
    return {input.data(), labels.empty() ? nullptr : labels.data(), count, targets.empty() ? nullptr : targets.data()};
  }
};

/// What a batch object has. Getters are JavaScript, which may dispose the session or free an array: all are read before
/// anything is held.
struct BatchValues {
  Napi::Value input, count, labels, targets;
};

BatchValues batch_values(const Napi::Value& value) {
  const Napi::Object object = object_argument("batch", value);
  return {object.Get("input"), object.Get("count"), object.Get("labels"), object.Get("targets")};
}

OwnedBatch owned(const BatchValues& values, const Network& network) {
  const auto input = floats_argument("batch.input", values.input);
  OwnedBatch batch;
  batch.count = static_cast<int>(integer_argument("batch.count", values.count, 1, 1 << 24));
  const std::size_t expected = static_cast<std::size_t>(batch.count) * static_cast<std::size_t>(network.input().size());
  if (input.size() != expected) {
    throw Error("ERR_SHAPE", "batch.input: expected " + std::to_string(expected) + " numbers for " +
                                 std::to_string(batch.count) + " images of the network's input, received " +
                                 std::to_string(input.size()));
  }
  batch.input.assign(input.begin(), input.end());
  if (!values.labels.IsNull()) {
    const auto labels = integers_argument("batch.labels", values.labels);
    if (labels.size() != static_cast<std::size_t>(batch.count)) {
      throw Error("ERR_SHAPE", "batch.labels: expected " + std::to_string(batch.count) + " labels, received " +
                                   std::to_string(labels.size()));
    }
    batch.labels.assign(labels.begin(), labels.end());
  }
  if (!values.targets.IsNull()) {
    const auto targets = floats_argument("batch.targets", values.targets);
    const std::size_t all = static_cast<std::size_t>(batch.count) * static_cast<std::size_t>(network.outputs());
    if (targets.size() != all) {
      throw Error("ERR_SHAPE", "batch.targets: expected " + std::to_string(all) + " numbers, " +
                                   std::to_string(network.outputs()) + " for each image, received " +
                                   std::to_string(targets.size()));
    }
    batch.targets.assign(targets.begin(), targets.end());
  }
  return batch;
}

/// The choice among named values.
template <class T, std::size_t N>
T choice(const Napi::Object& options, const char* key, const std::pair<const char*, T> (&choices)[N]) {
  const std::string name = string_argument(std::string("options.") + key, options.Get(key));
  std::string expected;
  for (const auto& [known, value] : choices) {
    if (name == known) return value;
    expected += (expected.empty() ? "'" : " or '") + std::string(known) + "'";
  }
  throw Error("ERR_INVALID_ARGUMENT",
              std::string("options.") + key + ": expected " + expected + ", received '" + name + "'");
}

Statistics statistics_option(const Napi::Object& options) {
  return choice<Statistics>(options, "statistics", {{"batch", Statistics::batch}, {"running", Statistics::running}});
}

Scheme scheme_option(const Napi::Object& options) {
  return choice<Scheme>(options, "scheme", {{"forward", Scheme::forward}, {"central", Scheme::central}});
}

bool update_option(const Napi::Object& options) {
  return boolean_argument("options.updateRunning", options.Get("updateRunning"));
}

double smoothing_option(const Napi::Object& options) {
  return number_argument("options.labelSmoothing", options.Get("labelSmoothing"));
}

template <class T>
std::vector<T> copy_in(std::span<const T> values) {
  return {values.begin(), values.end()};
}

template <class Array, class T>
Array copy_out(Napi::Env env, const std::vector<T>& values) {
  Array array = Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

DifferencesOptions differences_options(const Napi::Object& options) {
  return {
      .mu = number_argument("options.mu", options.Get("mu")),
      .scheme = scheme_option(options),
      .statistics = statistics_option(options),
      .method = choice<Method>(options, "method",
                               {{"propagation", Method::propagation},
                                {"two-pass", Method::two_pass_f32},
                                {"two-pass-f64", Method::two_pass_f64}}),
      .update_running = update_option(options),
      .label_smoothing = smoothing_option(options),
  };
}

Distribution distribution_option(const Napi::Object& options) {
  return choice<Distribution>(options, "directions",
                              {{"sphere", Distribution::sphere},
                               {"tensor", Distribution::tensor},
                               {"gaussian", Distribution::gaussian},
                               {"rademacher", Distribution::rademacher}});
}

/// All parameters where `coordinates` is null.
Directions directions_among(const Network& network, Distribution distribution, std::uint64_t seed,
                            const Napi::Value& coordinates) {
  if (coordinates.IsNull()) return Directions(network, distribution, seed);
  return Directions(network, distribution, seed, words_argument("coordinates", coordinates));
}

/// What all calls do around the work: the session is busy, and a disposed one answers ERR_DISPOSED whatever came out.
class SessionCall : public Call {
 public:
  SessionCall(std::shared_ptr<SessionState> state, OwnedBatch batch, CancelFlag cancelled)
      : Call(cancelled), state_(std::move(state)), session_(&state_->idle()), batch_(std::move(batch)) {
    state_->running = std::move(cancelled);
  }
  ~SessionCall() override { state_->running.reset(); }

 protected:
  void finished() override {
    state_->running.reset();
    if (!state_->disposed) return;
    state_->session.reset();
    throw Error("ERR_DISPOSED", "the session was disposed while this call ran");
  }

  Session& session() const { return *session_; }
  Batch batch() const { return batch_.view(); }

 private:
  std::shared_ptr<SessionState> state_;
  Session* session_;
  OwnedBatch batch_;
};

class ForwardCall : public SessionCall {
 public:
  ForwardCall(std::shared_ptr<SessionState> state, OwnedBatch batch, const ForwardOptions& options,
              CancelFlag cancelled)
      : SessionCall(std::move(state), std::move(batch), std::move(cancelled)), options_(options) {}

 protected:
  void run(const Control& control) override { result_ = session().forward(batch(), options_, control); }

  Napi::Value result(Napi::Env env) override {
    Napi::Object object = Napi::Object::New(env);
    object.Set("loss", result_.loss);
    object.Set("correct", result_.correct);
    object.Set("outputs", copy_out<Napi::Float32Array>(env, result_.outputs));
    return object;
  }

 private:
  ForwardOptions options_;
  ForwardResult result_;
};

Napi::Object differences_object(Napi::Env env, const DifferencesResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("values", copy_out<Napi::Float32Array>(env, result.values));
  object.Set("loss", result.loss);
  object.Set("correct", result.correct);
  object.Set("threadChunks", copy_out<Napi::Uint32Array>(env, result.lane_chunks));
  return object;
}

class DifferencesCall : public SessionCall {
 public:
  DifferencesCall(std::shared_ptr<SessionState> state, OwnedBatch batch, std::vector<std::uint32_t> coordinates,
                  const DifferencesOptions& options, CancelFlag cancelled)
      : SessionCall(std::move(state), std::move(batch), std::move(cancelled)),
        coordinates_(std::move(coordinates)),
        options_(options) {}

 protected:
  void run(const Control& control) override {
    result_ = session().differences(batch(), coordinates_, options_, control);
  }

  Napi::Value result(Napi::Env env) override { return differences_object(env, result_); }

 private:
  std::vector<std::uint32_t> coordinates_;
  DifferencesOptions options_;
  DifferencesResult result_;
};

class RandomDifferencesCall : public SessionCall {
 public:
  RandomDifferencesCall(std::shared_ptr<SessionState> state, OwnedBatch batch, Directions directions,
                        const RandomDifferencesOptions& options, CancelFlag cancelled)
      : SessionCall(std::move(state), std::move(batch), std::move(cancelled)),
        directions_(std::move(directions)),
        options_(options) {}

 protected:
  void run(const Control& control) override {
    result_ = session().random_differences(batch(), directions_, options_, control);
  }

  Napi::Value result(Napi::Env env) override {
    Napi::Object object = differences_object(env, result_);
    object.Set("gradient", copy_out<Napi::Float32Array>(env, result_.gradient));
    return object;
  }

 private:
  Directions directions_;
  RandomDifferencesOptions options_;
  RandomDifferencesResult result_;
};

class OutputDifferencesCall : public SessionCall {
 public:
  OutputDifferencesCall(std::shared_ptr<SessionState> state, OwnedBatch batch, std::vector<float> parameters,
                        std::vector<float> buffers, std::vector<std::uint32_t> coordinates,
                        const OutputDifferencesOptions& options, CancelFlag cancelled)
      : SessionCall(std::move(state), std::move(batch), std::move(cancelled)),
        parameters_(std::move(parameters)),
        buffers_(std::move(buffers)),
        coordinates_(std::move(coordinates)),
        options_(options) {}

 protected:
  void run(const Control& control) override {
    result_ = session().output_differences(batch(), {parameters_, buffers_}, coordinates_, options_, control);
  }

  Napi::Value result(Napi::Env env) override { return copy_out<Napi::Float32Array>(env, result_); }

 private:
  std::vector<float> parameters_, buffers_;
  std::vector<std::uint32_t> coordinates_;
  OutputDifferencesOptions options_;
  std::vector<float> result_;
};

}  // namespace

std::unique_ptr<Call> forward_call(std::shared_ptr<SessionState> state, const Napi::Value& batch,
                                   const Napi::Value& options, CancelFlag cancelled) {
  const Napi::Object object = object_argument("options", options);
  const ForwardOptions given{.statistics = statistics_option(object),
                             .update_running = update_option(object),
                             .label_smoothing = smoothing_option(object)};
  const BatchValues values = batch_values(batch);
  OwnedBatch taken = owned(values, state->idle().network());
  return std::make_unique<ForwardCall>(std::move(state), std::move(taken), given, std::move(cancelled));
}

std::unique_ptr<Call> differences_call(std::shared_ptr<SessionState> state, const Napi::Value& batch,
                                       const Napi::Value& coordinates, const Napi::Value& options,
                                       CancelFlag cancelled) {
  const DifferencesOptions given = differences_options(object_argument("options", options));
  const BatchValues values = batch_values(batch);
  OwnedBatch taken = owned(values, state->idle().network());
  return std::make_unique<DifferencesCall>(std::move(state), std::move(taken),
                                           copy_in<std::uint32_t>(words_argument("coordinates", coordinates)), given,
                                           std::move(cancelled));
}

std::unique_ptr<Call> random_differences_call(std::shared_ptr<SessionState> state, const Napi::Value& batch,
                                              const Napi::Value& coordinates, const Napi::Value& options,
                                              CancelFlag cancelled) {
  const Napi::Object object = object_argument("options", options);
  const RandomDifferencesOptions given{
      .query = differences_options(object),
      .count = static_cast<std::size_t>(integer_argument("options.count", object.Get("count"), 1, largest_word)),
      .first = static_cast<std::uint32_t>(integer_argument("options.first", object.Get("first"), 0, largest_word)),
  };
  const Distribution distribution = distribution_option(object);
  const std::uint64_t seed = integer_argument("options.seed", object.Get("seed"), 0, largest_safe);
  const BatchValues values = batch_values(batch);
  const Network& network = state->idle().network();
  Directions directions = directions_among(network, distribution, seed, coordinates);
  OwnedBatch taken = owned(values, network);
  return std::make_unique<RandomDifferencesCall>(std::move(state), std::move(taken), std::move(directions), given,
                                                 std::move(cancelled));
}

std::unique_ptr<Call> output_differences_call(std::shared_ptr<SessionState> state, const Napi::Value& batch,
                                              const Napi::Value& weights, const Napi::Value& coordinates,
                                              const Napi::Value& options, CancelFlag cancelled) {
  const Napi::Object object = object_argument("options", options);
  const OutputDifferencesOptions given{
      .mu = number_argument("options.mu", object.Get("mu")),
      .scheme = scheme_option(object),
      .statistics = statistics_option(object),
      .update_running = update_option(object),
  };
  const Napi::Object snapshot = object_argument("weights", weights);
  const Napi::Value parameters = snapshot.Get("parameters"), buffers = snapshot.Get("buffers");
  const BatchValues values = batch_values(batch);
  OwnedBatch taken = owned(values, state->idle().network());
  return std::make_unique<OutputDifferencesCall>(
      std::move(state), std::move(taken), copy_in<float>(floats_argument("weights.parameters", parameters)),
      copy_in<float>(floats_argument("weights.buffers", buffers)),
      copy_in<std::uint32_t>(words_argument("coordinates", coordinates)), given, std::move(cancelled));
}

}  // namespace deepzero::binding
