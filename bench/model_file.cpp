#include "bench/model_file.h"

#include <cmath>
#include <set>
#include <utility>

#include <nlohmann/json.hpp>

#include "engine/error.h"

namespace deepzero {
namespace {

using Json = nlohmann::json;

constexpr const char* kFormat = "deepzero-network/1";
constexpr double kMaxExtent = 1 << 24;  // larger extents are mistakes, and would overflow an int in a product

[[noreturn]] void bad_network(const std::string& what) { throw Error("ERR_NETWORK", "network: " + what); }

const Json& member(const Json& object, const char* key, const std::string& of) {
  if (!object.contains(key)) bad_network(of + ": expected a key " + key + ", found none");
  return object[key];
}

std::string text(const Json& object, const char* key, const std::string& of) {
  const Json& value = member(object, key, of);
  if (!value.is_string()) bad_network(of + ", " + key + ": expected a string, received " + value.dump());
  return value.get<std::string>();
}

Attribute parse_attribute(const Json& value, const std::string& of) {
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  std::vector<double> numbers;
  bool list = value.is_array();
  for (std::size_t i = 0; list && i < value.size(); ++i) {
    list = value[i].is_number();
    if (list) numbers.push_back(value[i].get<double>());
  }
  if (!list) bad_network(of + ": expected a flag, a number, a string or a list of numbers, received " + value.dump());
  return numbers;
}

OpSpec parse_op(const Json& entry, std::size_t index) {
  const std::string of = "ops[" + std::to_string(index) + "]";
  if (!entry.is_object()) bad_network(of + ": expected an object, received " + entry.dump());
  OpSpec op;
  op.op = text(entry, "op", of);
  op.name = text(entry, "name", of);
  const Json& inputs = member(entry, "inputs", of);
  if (!inputs.is_array()) bad_network(of + ", inputs: expected a list of names, received " + inputs.dump());
  for (const Json& input : inputs) {
    if (!input.is_string()) bad_network(of + ", inputs: expected names, received " + input.dump());
    op.inputs.push_back(input.get<std::string>());
  }
  for (const auto& [key, value] : entry.items()) {
    if (key == "op" || key == "name" || key == "inputs") continue;
    op.attributes[key] = parse_attribute(value, of + " " + op.name + ", " + key);
  }
  return op;
}

int parse_extent(const Json& value) {
  const double extent = value.is_number() ? value.get<double>() : 0;
  if (!(extent >= 1 && extent <= kMaxExtent && extent == std::floor(extent))) {
    bad_network("input: expected three whole numbers [C, H, W] of at least 1, received " + value.dump());
  }
  return static_cast<int>(extent);
}

/// A whole number is written without a decimal point, as JavaScript writes it.
Json number(double value) {
  if (value == std::floor(value) && std::abs(value) < 9e15) return static_cast<std::int64_t>(value);
  return value;
}

Json attribute_json(const Attribute& attribute) {
  if (const bool* flag = std::get_if<bool>(&attribute)) return *flag;
  if (const double* value = std::get_if<double>(&attribute)) return number(*value);
  if (const std::string* word = std::get_if<std::string>(&attribute)) return *word;
  Json list = Json::array();
  for (const double value : std::get<std::vector<double>>(attribute)) list.push_back(number(value));
  return list;
}

/// PyTorch counts batches in an integer that no op here reads.
bool ignored(const std::string& name) { return name.ends_with(".num_batches_tracked"); }

void check_tensor(const SafetensorsFile& file, const std::string& name, const std::vector<std::int64_t>& shape) {
  if (!file.has(name)) {
    throw Error("ERR_INVALID_ARGUMENT",
                "weights: expected a tensor " + name + ", found none; are they another network's?");
  }
  if (file.tensor(name).shape != shape) {
    throw Error("ERR_INVALID_ARGUMENT", "weights: " + name + ": expected the shape " + Json(shape).dump() +
                                            ", received " + Json(file.tensor(name).shape).dump());
  }
}

void copy_tensor(const SafetensorsFile& file, const std::string& name, std::vector<float>& flat, std::size_t offset) {
  const std::vector<float> values = file.values<float>(name);
  std::copy(values.begin(), values.end(), flat.begin() + static_cast<std::ptrdiff_t>(offset));
}

std::vector<std::int64_t> shape_of(const ParameterInfo& p) { return {p.shape.begin(), p.shape.end()}; }
std::vector<std::int64_t> shape_of(const BufferInfo& b) { return {static_cast<std::int64_t>(b.size)}; }

template <class Info>
void append(std::vector<TensorOut>& out, std::span<const Info> infos, const std::vector<float>& flat) {
  for (const Info& info : infos) {
    out.push_back(
        {info.name, DType::f32, shape_of(info), std::as_bytes(std::span(flat).subspan(info.offset, info.size))});
  }
}

}  // namespace

NetworkSpec parse_network(const std::string& json) {
  const Json network = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!network.is_object()) bad_network("expected a JSON object, received something else");
  const std::string format = text(network, "format", "format");
  if (format != kFormat) bad_network(std::string("expected the format ") + kFormat + ", received " + format);
  for (const auto& [key, value] : network.items()) {
    static const std::set<std::string> known = {"format", "name", "input", "ops", "loss"};
    if (known.count(key) == 0) bad_network("unknown key " + key + "; expected format, name, input, ops, loss");
  }
  NetworkSpec spec;
  spec.name = text(network, "name", "name");
  spec.loss = text(network, "loss", "loss");
  const Json& input = member(network, "input", "input");
  if (!input.is_array() || input.size() != 3) bad_network("input: expected [C, H, W], received " + input.dump());
  spec.input = {parse_extent(input[0]), parse_extent(input[1]), parse_extent(input[2])};
  const Json& ops = member(network, "ops", "ops");
  if (!ops.is_array()) bad_network("ops: expected a list, received " + ops.dump());
  for (std::size_t i = 0; i < ops.size(); ++i) spec.ops.push_back(parse_op(ops[i], i));
  return spec;
}

std::string network_json(const NetworkSpec& spec) {
  Json ops = Json::array();
  for (const OpSpec& op : spec.ops) {
    Json entry = {{"op", op.op}, {"name", op.name}, {"inputs", op.inputs}};
    for (const auto& [key, attribute] : op.attributes) entry[key] = attribute_json(attribute);
    ops.push_back(std::move(entry));
  }
  const Json network = {{"format", kFormat},
                        {"name", spec.name},
                        {"input", {spec.input.c, spec.input.h, spec.input.w}},
                        {"ops", std::move(ops)},
                        {"loss", spec.loss}};
  return network.dump();
}

Model model_of(const SafetensorsFile& file, const NetworkSpec& spec) {
  const Network network(spec);
  std::set<std::string> known;
  const auto check = [&](const auto& info) {
    check_tensor(file, info.name, shape_of(info));
    if (!known.insert(info.name).second) {
      throw Error("ERR_NETWORK", "network: expected tensors of different names, found " + info.name + " twice");
    }
  };
  for (const ParameterInfo& p : network.parameters()) check(p);
  for (const BufferInfo& b : network.buffers()) check(b);
  // The file has all of them, so that no more memory is taken than it has bytes.
  Model model{spec, std::vector<float>(network.parameter_count()), std::vector<float>(network.buffer_count())};
  for (const ParameterInfo& p : network.parameters()) copy_tensor(file, p.name, model.parameters, p.offset);
  for (const BufferInfo& b : network.buffers()) copy_tensor(file, b.name, model.buffers, b.offset);
  for (const auto& [name, tensor] : file.tensors()) {
    if (known.count(name) == 0 && !ignored(name)) {
      throw Error("ERR_INVALID_ARGUMENT",
                  "weights: the network " + spec.name + " has no tensor " + name + "; are they another network's?");
    }
  }
  return model;
}

Model read_model(const std::string& path) {
  const SafetensorsFile file = SafetensorsFile::read(path);
  const auto network = file.metadata().find("network");
  if (network == file.metadata().end()) {
    throw Error("ERR_INVALID_ARGUMENT", path + ": expected the metadata key network (" + kFormat +
                                            "), found none; write the file with saveModel");
  }
  return model_of(file, parse_network(network->second));
}

void write_model(const std::string& path, const Model& model) {
  const Network network(model.spec);
  if (model.parameters.size() != network.parameter_count() || model.buffers.size() != network.buffer_count()) {
    throw Error("ERR_INVALID_ARGUMENT", path + ": expected " + std::to_string(network.parameter_count()) +
                                            " parameters and " + std::to_string(network.buffer_count()) +
                                            " running statistics, received " + std::to_string(model.parameters.size()) +
                                            " and " + std::to_string(model.buffers.size()));
  }
  std::vector<TensorOut> tensors;
  append(tensors, network.parameters(), model.parameters);
  append(tensors, network.buffers(), model.buffers);
  write_safetensors(path, tensors, {{"network", network_json(model.spec)}});
}

}  // namespace deepzero
