// Groups coordinates into chunks of one op and output channel, and splits them by cost. An estimate does not depend on
// its chunk, so any split gives the same bits.
#pragma once

#include <functional>
#include <span>
#include <vector>

#include "engine/coordinates.h"
#include "engine/network.h"

namespace deepzero {

/// Chunks, dearest first. Queries of `op` are in chunks that begin at start(op), of at most block(start(op)) queries
/// (Backend::start, Backend::block). Coordinates whose estimate is exactly 0 get no chunk. Throws ERR_INVALID_ARGUMENT
/// for a coordinate out of range.
std::vector<Chunk> make_chunks(const Network& network, std::span<const std::uint32_t> coordinates,
                               Statistics statistics, const std::function<int(int op)>& start,
                               const std::function<int(int op)>& block);

}  // namespace deepzero
