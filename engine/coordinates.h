// Coordinates, grouped: a chunk is a set of queries of one op and output channel, so that every seed lives in the same
// channel and the whole suffix has the same shape of work. A backend may have those of the batch norm behind the op, of
// the same channel, in one chunk with them (Backend::start).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace deepzero {

/// One query: the element inside the output channel's slice of its parameter, and where its estimate goes.
struct Query {
  std::uint32_t element = 0;
  std::uint32_t result = 0;
  int parameter = 0;  ///< index into Network::parameters()
};

struct Chunk {
  int op = 0;                  ///< where it begins: index into Network::ops()
  int channel = 0;             ///< output channel
  std::vector<Query> queries;  ///< by parameter, in the order of Network::parameters()
  double cost = 0;             ///< of the whole chunk, in multiply-adds per image
};

}  // namespace deepzero
