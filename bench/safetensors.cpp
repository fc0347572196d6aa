#include "bench/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <fstream>
#include <limits>
#include <type_traits>
#include <utility>

#include <nlohmann/json.hpp>

#include "bench/atomic_file.h"
#include "engine/error.h"

static_assert(std::endian::native == std::endian::little, "safetensors are little endian; this reader copies bytes");

namespace deepzero {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeader = 100'000'000;  // the format's own limit

struct DTypeName {
  DType dtype;
  const char* name;
  std::size_t size;
};
constexpr DTypeName kDTypes[] = {
    {DType::f32, "F32", 4}, {DType::f64, "F64", 8}, {DType::i32, "I32", 4}, {DType::i64, "I64", 8}};

const DTypeName& dtype_name(DType dtype) {
  return *std::find_if(std::begin(kDTypes), std::end(kDTypes), [&](const DTypeName& d) { return d.dtype == dtype; });
}

[[noreturn]] void bad_file(const std::string& name, const std::string& what) {
  throw Error("ERR_INVALID_ARGUMENT", name + ": " + what);
}

std::uint64_t unsigned_value(const Json& value, const std::string& name, const std::string& what) {
  if (!value.is_number_unsigned()) {
    bad_file(name, what + ": expected a whole number of at least 0, received " + value.dump());
  }
  return value.get<std::uint64_t>();
}

/// Elements of a shape; refuses a product that does not fit the file, which also rules out overflow.
std::size_t element_count(const std::vector<std::int64_t>& shape, std::size_t limit, const std::string& name,
                          const std::string& tensor) {
  std::size_t count = 1;
  for (const std::int64_t extent : shape) {
    const auto e = static_cast<std::size_t>(extent);
    if (e != 0 && count > limit / e) bad_file(name, "tensor " + tensor + ": its shape holds more than the file does");
    count *= e;
  }
  return count;
}

SafetensorsFile::Tensor parse_tensor(const std::string& tensor, const Json& entry, std::size_t data_bytes,
                                     const std::string& name) {
  const std::string what = "tensor " + tensor;
  if (!entry.is_object() || !entry.contains("dtype") || !entry.contains("shape") || !entry.contains("data_offsets")) {
    bad_file(name, what + ": expected an object with dtype, shape and data_offsets, received " + entry.dump());
  }
  const auto dtype = std::find_if(std::begin(kDTypes), std::end(kDTypes),
                                  [&](const DTypeName& d) { return entry["dtype"] == d.name; });
  if (dtype == std::end(kDTypes)) {
    bad_file(name, what + ": expected the type F32, F64, I32 or I64, received " + entry["dtype"].dump());
  }
  const Json& offsets = entry["data_offsets"];
  if (!entry["shape"].is_array() || !offsets.is_array() || offsets.size() != 2) {
    bad_file(name, what + ": expected shape and data_offsets to be lists (of 2 offsets)");
  }
  SafetensorsFile::Tensor out;
  out.dtype = dtype->dtype;
  for (const Json& extent : entry["shape"]) {
    const std::uint64_t e = unsigned_value(extent, name, what + ", shape");
    if (e > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      bad_file(name, what + ": its shape holds more than the file does");
    }
    out.shape.push_back(static_cast<std::int64_t>(e));
  }
  const std::uint64_t begin = unsigned_value(offsets[0], name, what + ", data_offsets");
  const std::uint64_t end = unsigned_value(offsets[1], name, what + ", data_offsets");
  if (begin > end || end > data_bytes) {
    bad_file(name, what + ": its data_offsets [" + std::to_string(begin) + ", " + std::to_string(end) +
                       "] lie outside the file's " + std::to_string(data_bytes) +
                       " bytes of data; the file is damaged");
  }
  out.offset = static_cast<std::size_t>(begin);
  out.count = element_count(out.shape, data_bytes, name, tensor);
  if (out.count * dtype->size != end - begin) {
    bad_file(name, what + ": its shape needs " + std::to_string(out.count * dtype->size) +
                       " bytes, its data_offsets span " + std::to_string(end - begin) + "; the file is damaged");
  }
  return out;
}

std::map<std::string, std::string> parse_metadata(const Json& entry, const std::string& name) {
  std::map<std::string, std::string> metadata;
  if (!entry.is_object()) bad_file(name, "__metadata__: expected an object of strings, received " + entry.dump());
  for (const auto& [key, value] : entry.items()) {
    if (!value.is_string()) bad_file(name, "__metadata__." + key + ": expected a string, received " + value.dump());
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

/// The tensors must tile the data: no gap, no overlap, nothing after the last one.
void check_tiling(const std::map<std::string, SafetensorsFile::Tensor>& tensors, std::size_t data_bytes,
                  const std::string& name) {
  std::vector<std::pair<std::size_t, std::size_t>> spans;
  for (const auto& [tensor, t] : tensors) spans.emplace_back(t.offset, t.offset + t.count * dtype_name(t.dtype).size);
  std::sort(spans.begin(), spans.end());
  std::size_t at = 0;
  for (const auto& [begin, end] : spans) {
    if (begin != at)
      bad_file(name, "its tensors overlap or leave a gap at byte " + std::to_string(at) + " of the data");
    at = end;
  }
  if (at != data_bytes) {
    bad_file(name, "expected " + std::to_string(at) + " bytes of data, received " + std::to_string(data_bytes) +
                       "; the file is damaged");
  }
}

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, float>) return DType::f32;
  if constexpr (std::is_same_v<T, double>) return DType::f64;
  if constexpr (std::is_same_v<T, std::int32_t>) return DType::i32;
  return DType::i64;
}

}  // namespace

SafetensorsFile SafetensorsFile::read(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  if (!in) bad_file(path, "cannot be opened; check the path and its permissions");
  const std::streamoff size = in.tellg();
  if (size < 0) bad_file(path, "cannot be read; expected a regular file");
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(bytes.data()), size);
  if (!in) bad_file(path, "could not be read to its end");
  return parse(std::move(bytes), path);
}

SafetensorsFile SafetensorsFile::parse(std::vector<std::byte> bytes, const std::string& name) {
  if (bytes.size() < kLengthBytes)
    bad_file(name, "expected a safetensors file, received " + std::to_string(bytes.size()) + " bytes");
  std::uint64_t length = 0;
  std::memcpy(&length, bytes.data(), kLengthBytes);
  if (length > kMaxHeader || length > bytes.size() - kLengthBytes) {
    bad_file(name, "its header claims " + std::to_string(length) + " bytes, the file has " +
                       std::to_string(bytes.size() - kLengthBytes) +
                       " after the length; truncated, or not safetensors");
  }
  const char* text = reinterpret_cast<const char*>(bytes.data()) + kLengthBytes;
  const Json header = Json::parse(text, text + length, nullptr, /*allow_exceptions=*/false);
  if (!header.is_object()) bad_file(name, "its header is not a JSON object; the file is damaged");

  SafetensorsFile file;
  file.name_ = name;
  file.data_ = kLengthBytes + static_cast<std::size_t>(length);
  const std::size_t data_bytes = bytes.size() - file.data_;
  for (const auto& [key, entry] : header.items()) {
    if (key == "__metadata__") {
      file.metadata_ = parse_metadata(entry, name);
    } else {
      file.tensors_[key] = parse_tensor(key, entry, data_bytes, name);
    }
  }
  check_tiling(file.tensors_, data_bytes, name);
  file.bytes_ = std::move(bytes);
  return file;
}

const SafetensorsFile::Tensor& SafetensorsFile::tensor(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) bad_file(name_, "expected a tensor " + name + ", found none");
  return found->second;
}

template <class T>
std::vector<T> SafetensorsFile::values(const std::string& name) const {
  const Tensor& t = tensor(name);
  if (t.dtype != dtype_of<T>()) {
    bad_file(name_, "tensor " + name + ": expected the type " + dtype_name(dtype_of<T>()).name + ", received " +
                        dtype_name(t.dtype).name);
  }
  std::vector<T> out(t.count);
  if (t.count != 0) std::memcpy(out.data(), bytes_.data() + data_ + t.offset, t.count * sizeof(T));
  return out;
}

template std::vector<float> SafetensorsFile::values<float>(const std::string&) const;
template std::vector<double> SafetensorsFile::values<double>(const std::string&) const;
template std::vector<std::int32_t> SafetensorsFile::values<std::int32_t>(const std::string&) const;
template std::vector<std::int64_t> SafetensorsFile::values<std::int64_t>(const std::string&) const;

void write_safetensors(const std::string& path, std::span<const TensorOut> tensors,
                       const std::map<std::string, std::string>& metadata) {
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::size_t offset = 0;
  for (const TensorOut& tensor : tensors) {
    const DTypeName& dtype = dtype_name(tensor.dtype);
    const std::size_t count = element_count(tensor.shape, tensor.bytes.size(), path, tensor.name);
    if (count * dtype.size != tensor.bytes.size()) {
      bad_file(path, "tensor " + tensor.name + ": its shape needs " + std::to_string(count * dtype.size) +
                         " bytes, received " + std::to_string(tensor.bytes.size()));
    }
    if (header.contains(tensor.name)) bad_file(path, "tensor " + tensor.name + " is given twice");
    header[tensor.name] = {
        {"dtype", dtype.name}, {"shape", tensor.shape}, {"data_offsets", {offset, offset + tensor.bytes.size()}}};
    offset += tensor.bytes.size();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // so that the data is 8-byte aligned
  const std::uint64_t length = text.size();
  std::string bytes(reinterpret_cast<const char*>(&length), kLengthBytes);
  bytes += text;
  for (const TensorOut& tensor : tensors) {
    bytes.append(reinterpret_cast<const char*>(tensor.bytes.data()), tensor.bytes.size());
  }
  write_file_atomically(path, bytes);
}

}  // namespace deepzero
