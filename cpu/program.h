// A route laid out in memory: which differences are stored for the whole batch (those a later stage reads), and where
// the others live while their images are worked off, a few at a time where an op of the stage wants that. Stored
// differences share memory when their lives do not overlap.
#pragma once

#include <span>
#include <vector>

#include "cpu/backend.h"
#include "cpu/fusion.h"
#include "cpu/op.h"
#include "engine/route.h"

namespace deepzero::cpu {

/// Where a value's difference lives.
struct Place {
  bool elsewhere = false;  ///< not in this program's memory
  bool stored = false;     ///< for the whole batch; else only for the images at hand
  std::size_t offset = 0;  ///< of a stored one: floats of memory per image before it
  std::size_t size = 0;    ///< values per image
};

constexpr std::size_t no_copy = static_cast<std::size_t>(-1);

struct Program {
  Route route;
  Storage storage = Storage::float32;
  std::vector<Place> places;               ///< per value
  std::vector<Fusion> fusions;             ///< per step: what follows it in the same pass
  std::vector<std::vector<int>> by_stage;  ///< indices into route.steps, without those in another's fusion
  std::vector<std::vector<int>> feeds;     ///< per step: ops with a barrier that take sums of its result
  std::vector<std::vector<int>> barriers;  ///< per stage: all that its steps feed
  std::vector<std::vector<int>> reads;     ///< per stage: values of earlier stages that it reads
  /// Per stage and value: floats per image before it among the images at hand, or no_copy. As bfloat16 a stored value
  /// has a copy there as well, in the stage that makes it and in those that read it.
  std::vector<std::vector<std::size_t>> copies;
  std::vector<int> images;        ///< per stage: how many are worked off together
  std::size_t stored_floats = 0;  ///< of memory per image and query
  std::size_t image_floats = 0;   ///< for the images worked off together
};

/// `elsewhere`, per value (or empty for none): those that the caller has a place for.
Program make_program(const Network& network, Route route, Statistics statistics,
                     std::span<const std::unique_ptr<CpuOp>> ops, Storage storage = Storage::float32,
                     const std::vector<bool>& elsewhere = {});

}  // namespace deepzero::cpu
