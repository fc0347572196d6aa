// Safetensors files: 8 bytes of header length (little endian), a JSON header {"name": {"dtype", "shape",
// "data_offsets": [begin, end]}, …, "__metadata__": {key: string}}, then the tensors' bytes without gaps. Read whole
// and checked before anything is handed out, since a file may be truncated or lie about itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace deepzero {

enum class DType { f32, f64, i32, i64 };

class SafetensorsFile {
 public:
  struct Tensor {
    DType dtype = DType::f32;
    std::vector<std::int64_t> shape;
    std::size_t offset = 0;  ///< in bytes, from the end of the header
    std::size_t count = 0;   ///< number of elements
  };

  /// Throws ERR_INVALID_ARGUMENT, naming the file, when it cannot be read, is truncated, has a header that does not
  /// fit its bytes, or holds another element type than F32, F64, I32, I64.
  static SafetensorsFile read(const std::string& path);
  /// The same of bytes in memory; `name` is what errors call them.
  static SafetensorsFile parse(std::vector<std::byte> bytes, const std::string& name);

  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  const std::map<std::string, std::string>& metadata() const { return metadata_; }
  bool has(const std::string& name) const { return tensors_.count(name) != 0; }
  /// Throws ERR_INVALID_ARGUMENT when there is none.
  const Tensor& tensor(const std::string& name) const;

  /// A tensor's elements, row-major. T is float, double, std::int32_t or std::int64_t and must be the stored type.
  template <class T>
  std::vector<T> values(const std::string& name) const;

 private:
  std::string name_;
  std::map<std::string, Tensor> tensors_;
  std::map<std::string, std::string> metadata_;
  std::vector<std::byte> bytes_;
  std::size_t data_ = 0;  ///< where the tensors' bytes begin
};

/// A tensor to be written; `bytes` are its elements, row-major, little endian.
struct TensorOut {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
  std::span<const std::byte> bytes;
};

/// Writes to a temporary name, syncs and renames, so that a reader never sees half a file. Throws
/// ERR_INVALID_ARGUMENT when a tensor's bytes do not fit its shape or the file cannot be written.
void write_safetensors(const std::string& path, std::span<const TensorOut> tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace deepzero
