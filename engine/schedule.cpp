#include "engine/schedule.h"

#include <algorithm>
#include <map>

#include "engine/error.h"
#include "engine/route.h"

namespace deepzero {
namespace {

struct Work {
  bool vanishes;
  int block;
  double cost;
};

}  // namespace

std::vector<Chunk> make_chunks(const Network& network, std::span<const std::uint32_t> coordinates,
                               Statistics statistics, const std::function<int(int op)>& block) {
  // Groups by (parameter's offset, output channel); inside a group in the order given.
  std::map<std::pair<std::size_t, int>, Chunk> groups;
  std::map<std::size_t, Work> works;
  for (std::size_t i = 0; i < coordinates.size(); ++i) {
    if (coordinates[i] >= network.parameter_count())
      throw Error("ERR_INVALID_ARGUMENT", "coordinate " + std::to_string(i) + ": expected an index below " +
                                              std::to_string(network.parameter_count()) + ", received " +
                                              std::to_string(coordinates[i]));
    const ParameterInfo& parameter = network.parameter_of(coordinates[i]);
    auto found = works.find(parameter.offset);
    if (found == works.end()) {
      const bool zero = vanishes(network, parameter, statistics);
      found = works
                  .emplace(parameter.offset, Work{zero, zero ? 1 : block(parameter.op),
                                                  zero ? 0 : make_route(network, parameter.op, statistics).cost})
                  .first;
    }
    if (found->second.vanishes) continue;
    const std::size_t element = coordinates[i] - parameter.offset;
    const int channel = static_cast<int>(element / parameter.inner());
    Chunk& group = groups[{parameter.offset, channel}];
    group.op = parameter.op;
    group.parameter = parameter.role;
    group.channel = channel;
    group.queries.push_back({static_cast<std::uint32_t>(element % parameter.inner()), static_cast<std::uint32_t>(i)});
  }

  std::vector<Chunk> chunks;
  for (const auto& [key, group] : groups) {
    const Work& work = works.at(key.first);
    const std::size_t count = group.queries.size(), most = static_cast<std::size_t>(work.block);
    const std::size_t parts = (count + most - 1) / most;
    for (std::size_t part = 0; part < parts; ++part) {  // parts of nearly equal size
      const auto first = static_cast<std::ptrdiff_t>(count * part / parts);
      const auto last = static_cast<std::ptrdiff_t>(count * (part + 1) / parts);
      Chunk chunk{.op = group.op, .parameter = group.parameter, .channel = group.channel};
      chunk.queries.assign(group.queries.begin() + first, group.queries.begin() + last);
      chunk.cost = work.cost * static_cast<double>(last - first);
      chunks.push_back(std::move(chunk));
    }
  }
  std::stable_sort(chunks.begin(), chunks.end(), [](const Chunk& a, const Chunk& b) { return a.cost > b.cost; });
  return chunks;
}

}  // namespace deepzero
