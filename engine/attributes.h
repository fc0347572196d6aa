// Reads an op's attributes, each once, and refuses those that nobody asked for.
#pragma once

#include <array>
#include <set>
#include <string>

#include "engine/spec.h"

namespace deepzero {

class Attributes {
 public:
  explicit Attributes(const OpSpec& spec) : spec_(spec) {}

  /// A whole number of at least `least`.
  int integer(const std::string& key, int least);
  /// Two whole numbers: height, width.
  std::array<int, 2> pair(const std::string& key, int least);
  double number(const std::string& key);
  /// A number from `least` to `most`.
  double number(const std::string& key, double least, double most);
  bool flag(const std::string& key);
  /// Throws ERR_NETWORK when the spec carries an attribute that was not read.
  void finish() const;

 private:
  template <class T>
  const T& get(const std::string& key, const char* expected);
  [[noreturn]] void fail(const std::string& what) const;

  const OpSpec& spec_;
  std::set<std::string> read_;
};

}  // namespace deepzero
