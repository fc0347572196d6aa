// A network as data, before it is checked: what TypeScript builds and what a model file's `network` key holds
// (`deepzero-network/1`). binding/ makes one from a JavaScript object, bench/ from JSON; the engine compiles it
// into a Network.
#pragma once

#include <map>
#include <string>
#include <variant>
#include <vector>

namespace deepzero {

/// Shape of one image of a value: channels, height, width.
struct Shape {
  int c = 0, h = 0, w = 0;
  int plane() const { return h * w; }
  int size() const { return c * h * w; }
  bool operator==(const Shape&) const = default;
};

/// An op's attribute: a flag, a number, a word, or a list of numbers.
using Attribute = std::variant<bool, double, std::string, std::vector<double>>;

/// One op: `{"op": "conv2d", "name": "conv1", "inputs": ["input"], "out": 16, "kernel": [3, 3], …}`. Every key
/// but op, name and inputs is an attribute. An input is the name of an earlier op, or "input".
struct OpSpec {
  std::string op;
  std::string name;
  std::vector<std::string> inputs;
  std::map<std::string, Attribute> attributes;
};

struct NetworkSpec {
  std::string name;
  Shape input;
  std::vector<OpSpec> ops;  ///< in topological order; the last one is the output
  std::string loss;         ///< "crossEntropy" or "meanSquaredError"
};

}  // namespace deepzero
