#include "engine/schedule.h"

#include <algorithm>
#include <map>

#include "engine/error.h"
#include "engine/route.h"

namespace deepzero {
namespace {

/// Of a parameter.
struct Work {
  bool vanishes;
  int start;  ///< where its queries begin
};

/// Of chunks that begin at an op.
struct Start {
  std::size_t block;
  double cost;  ///< of a query
};

}  // namespace

std::vector<Chunk> make_chunks(const Network& network, std::span<const std::uint32_t> coordinates,
                               Statistics statistics, const std::function<int(int op)>& start,
                               const std::function<int(int op)>& block) {
  std::map<int, Work> works;
  std::map<int, Start> starts;
  const auto work_of = [&](int index) {
    const auto found = works.find(index);
    if (found != works.end()) return found->second;
    const ParameterInfo& parameter = network.parameters()[static_cast<std::size_t>(index)];
    const Work work{vanishes(network, parameter, statistics), start(parameter.op)};
    if (!work.vanishes && !starts.contains(work.start))
      starts[work.start] = {static_cast<std::size_t>(block(work.start)),
                            make_route(network, work.start, statistics).cost};
    return works[index] = work;
  };

  // Groups by (start, output channel, parameter); inside a group in the order given.
  std::map<std::pair<int, int>, std::map<int, std::vector<Query>>> groups;
  for (std::size_t i = 0; i < coordinates.size(); ++i) {
    if (coordinates[i] >= network.parameter_count())
      throw Error("ERR_INVALID_ARGUMENT", "coordinate " + std::to_string(i) + ": expected an index below " +
                                              std::to_string(network.parameter_count()) + ", received " +
                                              std::to_string(coordinates[i]));
    const ParameterInfo& parameter = network.parameter_of(coordinates[i]);
    const int index = static_cast<int>(&parameter - network.parameters().data());
    const Work work = work_of(index);
    if (work.vanishes) continue;
    const std::size_t element = coordinates[i] - parameter.offset;
    const int channel = static_cast<int>(element / parameter.inner());
    groups[{work.start, channel}][index].push_back(
        {static_cast<std::uint32_t>(element % parameter.inner()), static_cast<std::uint32_t>(i), index});
  }

  std::vector<Chunk> chunks;
  for (const auto& [key, by_parameter] : groups) {
    std::vector<Query> queries;
    for (const auto& [parameter, some] : by_parameter) queries.insert(queries.end(), some.begin(), some.end());
    const auto [most, cost] = starts.at(key.first);
    const std::size_t count = queries.size(), parts = (count + most - 1) / most;
    for (std::size_t part = 0; part < parts; ++part) {  // parts of nearly equal size
      const auto first = static_cast<std::ptrdiff_t>(count * part / parts);
      const auto last = static_cast<std::ptrdiff_t>(count * (part + 1) / parts);
      Chunk chunk{.op = key.first, .channel = key.second};
      chunk.queries.assign(queries.begin() + first, queries.begin() + last);
      chunk.cost = cost * static_cast<double>(last - first);
      chunks.push_back(std::move(chunk));
    }
  }
  std::stable_sort(chunks.begin(), chunks.end(), [](const Chunk& a, const Chunk& b) { return a.cost > b.cost; });
  return chunks;
}

}  // namespace deepzero
