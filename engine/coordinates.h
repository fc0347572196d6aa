// Coordinates, grouped: a chunk is a set of queries that share a parameter tensor and an output channel, so that
// every seed lives in the same channel and the whole suffix has the same shape of work.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace deepzero {

/// One query: the element inside the output channel's slice of the parameter, and where its estimate goes.
struct Query {
  std::uint32_t element = 0;
  std::uint32_t result = 0;
};

struct Chunk {
  int op = 0;         ///< index into Network::ops()
  int parameter = 0;  ///< which of the op's parameters: 0 weight, 1 bias
  int channel = 0;    ///< output channel
  std::vector<Query> queries;
  double cost = 0;  ///< of the whole chunk, in multiply-adds per image
};

}  // namespace deepzero
