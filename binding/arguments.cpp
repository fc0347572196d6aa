// Checked conversions of single arguments.
#include "binding/arguments.h"

#include <cmath>

#include "engine/error.h"

namespace deepzero::binding {
namespace {

std::string shown(const Napi::Value& value) {
  if (value.IsUndefined()) return "undefined";
  if (value.IsNull()) return "null";
  if (value.IsString()) return "'" + value.As<Napi::String>().Utf8Value().substr(0, 60) + "'";
  if (value.IsNumber() || value.IsBoolean()) return value.ToString().Utf8Value();
  if (value.IsFunction()) return "a function";
  if (value.IsTypedArray()) return "a typed array of " + std::to_string(value.As<Napi::TypedArray>().ElementLength());
  if (value.IsArray()) return "an array of " + std::to_string(value.As<Napi::Array>().Length());
  return value.IsObject() ? "an object" : "a value of another type";
}

template <class T>
std::span<T> elements(const std::string& name, const Napi::Value& value, napi_typedarray_type type,
                      const char* expected) {
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != type) refuse(name, expected, value);
  auto array = value.As<Napi::TypedArrayOf<T>>();
  // A detached or empty buffer has no address.
  if (array.ElementLength() == 0) return {};
  return {array.Data(), array.ElementLength()};
}

}  // namespace

void refuse(const std::string& name, const std::string& expected, const Napi::Value& received) {
  throw Error("ERR_INVALID_ARGUMENT", name + ": expected " + expected + ", received " + shown(received));
}

Napi::Object object_argument(const std::string& name, const Napi::Value& value) {
  if (!value.IsObject() || value.IsArray() || value.IsFunction()) refuse(name, "an object", value);
  return value.As<Napi::Object>();
}

std::string string_argument(const std::string& name, const Napi::Value& value) {
  if (!value.IsString()) refuse(name, "a string", value);
  return value.As<Napi::String>().Utf8Value();
}

bool boolean_argument(const std::string& name, const Napi::Value& value) {
  if (!value.IsBoolean()) refuse(name, "true or false", value);
  return value.As<Napi::Boolean>().Value();
}

double number_argument(const std::string& name, const Napi::Value& value) {
  if (!value.IsNumber()) refuse(name, "a number", value);
  return value.As<Napi::Number>().DoubleValue();
}

std::uint64_t integer_argument(const std::string& name, const Napi::Value& value, std::uint64_t low,
                               std::uint64_t high) {
  const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : NAN;
  if (!(number >= static_cast<double>(low) && number <= static_cast<double>(high)) || number != std::floor(number)) {
    refuse(name, "an integer from " + std::to_string(low) + " to " + std::to_string(high), value);
  }
  return static_cast<std::uint64_t>(number);
}

std::span<float> floats_argument(const std::string& name, const Napi::Value& value) {
  return elements<float>(name, value, napi_float32_array, "a Float32Array");
}

std::span<std::uint32_t> words_argument(const std::string& name, const Napi::Value& value) {
  return elements<std::uint32_t>(name, value, napi_uint32_array, "a Uint32Array");
}

std::span<std::int32_t> integers_argument(const std::string& name, const Napi::Value& value) {
  return elements<std::int32_t>(name, value, napi_int32_array, "an Int32Array");
}

}  // namespace deepzero::binding
