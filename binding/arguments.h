// Arguments from JavaScript, checked: whatever comes, the answer is a value or ERR_INVALID_ARGUMENT, never a crash.
// Messages have the form of lib/check.ts.
#pragma once

#include <napi.h>

#include <cstdint>
#include <span>
#include <string>

namespace deepzero::binding {

/// "NAME: expected EXPECTED, received …".
[[noreturn]] void refuse(const std::string& name, const std::string& expected, const Napi::Value& received);

Napi::Object object_argument(const std::string& name, const Napi::Value& value);
std::string string_argument(const std::string& name, const Napi::Value& value);
bool boolean_argument(const std::string& name, const Napi::Value& value);
double number_argument(const std::string& name, const Napi::Value& value);
/// An integer from low to high; both at most 2^53 − 1.
std::uint64_t integer_argument(const std::string& name, const Napi::Value& value, std::uint64_t low,
                               std::uint64_t high);

/// The elements of a typed array; valid until control returns to JavaScript.
std::span<float> floats_argument(const std::string& name, const Napi::Value& value);
std::span<std::uint32_t> words_argument(const std::string& name, const Napi::Value& value);
std::span<std::int32_t> integers_argument(const std::string& name, const Napi::Value& value);

}  // namespace deepzero::binding
