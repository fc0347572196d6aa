#include "bench/command_line.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <exception>
#include <numeric>

#include "engine/error.h"

namespace deepzero::bench {
namespace {

/// Edits (insert, delete, replace) between two words.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

void bad_option(const std::string& what) { throw Error("ERR_INVALID_ARGUMENT", what + "; see --help"); }

void unknown_option(const std::string& name, const std::vector<std::string>& known) {
  const auto nearest = std::min_element(known.begin(), known.end(), [&](const std::string& a, const std::string& b) {
    return distance(a, name) < distance(b, name);
  });
  bad_option("unknown option " + name + "; did you mean " + *nearest + "?");
}

double number(const std::string& name, const std::string& value, double least, double most) {
  double parsed = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (error != std::errc() || end != value.data() + value.size() || !(parsed >= least && parsed <= most)) {
    std::ostringstream range;
    range << least << " … " << most;
    bad_option(name + ": expected a number in " + range.str() + ", received '" + value + "'");
  }
  return parsed;
}

std::int64_t whole(const std::string& name, const std::string& value, double least, double most) {
  const double parsed = number(name, value, least, most);
  if (parsed != std::floor(parsed)) bad_option(name + ": expected a whole number, received '" + value + "'");
  return static_cast<std::int64_t>(parsed);
}

int run_program(const char* name, const std::function<int()>& work) {
  try {
    return work();
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s (%s)\n", name, error.what(), error.code().c_str());
    return error.code() == "ERR_INTERNAL" ? 1 : 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", name, error.what());
    return 3;
  }
}

}  // namespace deepzero::bench
