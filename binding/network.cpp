// Reads and writes network objects; what a network means is the engine's business.
#include "binding/network.h"

#include <limits>
#include <string>
#include <vector>

#include "binding/errors.h"
#include "engine/error.h"
#include "engine/route.h"

namespace deepzero::binding {
namespace {

constexpr const char* format = "deepzero-network/1";

[[noreturn]] void wrong(const std::string& where, const std::string& expected) {
  throw Error("ERR_NETWORK", where + ": expected " + expected);
}

std::string text(const Napi::Object& object, const char* key, const std::string& where) {
  const Napi::Value value = object.Get(key);
  if (!value.IsString()) wrong(where + "." + key, "a string");
  return value.As<Napi::String>().Utf8Value();
}

std::vector<std::string> names(const Napi::Value& value, const std::string& where) {
  if (!value.IsArray()) wrong(where, "an array of op names");
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> result;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value element = array.Get(i);
    if (!element.IsString()) wrong(where, "an array of op names");
    result.push_back(element.As<Napi::String>().Utf8Value());
  }
  return result;
}

std::vector<double> numbers(const Napi::Value& value, const std::string& where) {
  if (!value.IsArray()) wrong(where, "an array of numbers");
  const auto array = value.As<Napi::Array>();
  std::vector<double> result;
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value element = array.Get(i);
    if (!element.IsNumber()) wrong(where, "an array of numbers");
    result.push_back(element.As<Napi::Number>().DoubleValue());
  }
  return result;
}

Attribute attribute(const Napi::Value& value, const std::string& where) {
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  if (value.IsNumber()) return value.As<Napi::Number>().DoubleValue();
  if (value.IsString()) return value.As<Napi::String>().Utf8Value();
  if (value.IsArray()) return numbers(value, where);
  wrong(where, "a boolean, a number, a string or an array of numbers");
}

OpSpec op_spec(const Napi::Value& value, const std::string& where) {
  if (!value.IsObject()) wrong(where, "an object");
  const auto object = value.As<Napi::Object>();
  OpSpec spec;
  spec.op = text(object, "op", where);
  spec.name = text(object, "name", where);
  const std::string called = where + " (" + spec.op + " " + spec.name + ")";
  spec.inputs = names(object.Get("inputs"), called + ".inputs");
  const Napi::Array keys = object.GetPropertyNames();
  for (std::uint32_t i = 0; i < keys.Length(); ++i) {
    const std::string key = keys.Get(i).ToString().Utf8Value();
    if (key == "op" || key == "name" || key == "inputs") continue;
    const Napi::Value member = object.Get(key);
    if (!member.IsUndefined()) spec.attributes.emplace(key, attribute(member, called + "." + key));
  }
  return spec;
}

Shape input_shape(const Napi::Value& value) {
  const std::vector<double> sizes = numbers(value, "network.input");
  if (sizes.size() != 3) wrong("network.input", "three sizes: channels, height, width");
  int shape[3];
  for (std::size_t i = 0; i < 3; ++i) {
    // Below 2^16 each, as all sizes of an op; what comes of them the engine checks.
    if (!(sizes[i] >= 1 && sizes[i] < 65536)) wrong("network.input", "sizes from 1 to 65535");
    shape[i] = static_cast<int>(sizes[i]);
    if (shape[i] != sizes[i]) wrong("network.input", "whole numbers");
  }
  return {shape[0], shape[1], shape[2]};
}

Napi::Array int_array(Napi::Env env, const std::vector<int>& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (std::size_t i = 0; i < values.size(); ++i) array.Set(static_cast<std::uint32_t>(i), values[i]);
  return array;
}

Napi::Object tensor(Napi::Env env, const Network& network, int op, const std::string& name,
                    const std::vector<int>& shape, std::size_t offset, std::size_t size, const std::string& role) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", name);
  object.Set("shape", int_array(env, shape));
  object.Set("offset", static_cast<double>(offset));
  object.Set("size", static_cast<double>(size));
  object.Set("op", network.op(op).name());
  object.Set("kind", network.op(op).kind());
  object.Set("role", role);
  return object;
}

}  // namespace

NetworkSpec network_spec(const Napi::Value& value) {
  if (!value.IsObject()) wrong("network", "an object");
  const auto object = value.As<Napi::Object>();
  if (text(object, "format", "network") != format) wrong("network.format", std::string("'") + format + "'");
  const Napi::Value ops = object.Get("ops");
  if (!ops.IsArray()) wrong("network.ops", "an array");

  NetworkSpec spec;
  spec.name = text(object, "name", "network");
  spec.input = input_shape(object.Get("input"));
  spec.loss = text(object, "loss", "network");
  const auto array = ops.As<Napi::Array>();
  for (std::uint32_t i = 0; i < array.Length(); ++i) {
    spec.ops.push_back(op_spec(array.Get(i), "network.ops[" + std::to_string(i) + "]"));
  }
  return spec;
}

Napi::Object network_layout(Napi::Env env, const Network& network) {
  Napi::Array parameters = Napi::Array::New(env);
  for (const ParameterInfo& info : network.parameters()) {
    Napi::Object object = tensor(env, network, info.op, info.name, info.shape, info.offset, info.size,
                                 info.role == 0 ? "weight" : "bias");
    object.Set("queryCost", query_cost(network, info, Statistics::batch));
    parameters.Set(parameters.Length(), object);
  }
  Napi::Array buffers = Napi::Array::New(env);
  for (const BufferInfo& info : network.buffers()) {
    Napi::Object object = tensor(env, network, info.op, info.name, {static_cast<int>(info.size)}, info.offset,
                                 info.size, info.name.substr(info.name.rfind('.') + 1));
    object.Set("initial", info.initial);
    buffers.Set(buffers.Length(), object);
  }
  Napi::Object shapes = Napi::Object::New(env);
  for (const auto& op : network.ops()) {
    const Shape& shape = op->output_shape();
    shapes.Set(op->name(), int_array(env, {shape.c, shape.h, shape.w}));
  }
  Napi::Object layout = Napi::Object::New(env);
  layout.Set("parameters", parameters);
  layout.Set("buffers", buffers);
  layout.Set("parameterCount", static_cast<double>(network.parameter_count()));
  layout.Set("bufferCount", static_cast<double>(network.buffer_count()));
  layout.Set("outputs", network.outputs());
  layout.Set("passCost", pass_cost(network));
  layout.Set("shapes", shapes);
  return layout;
}

Napi::Value describe(const Napi::CallbackInfo& info) {
  return guarded(info.Env(),
                 [&]() -> Napi::Value { return network_layout(info.Env(), Network(network_spec(info[0]))); });
}

}  // namespace deepzero::binding
