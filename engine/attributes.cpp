#include "engine/attributes.h"

#include <cmath>
#include <sstream>

#include "engine/error.h"

namespace deepzero {

void Attributes::fail(const std::string& what) const {
  throw Error("ERR_NETWORK", spec_.op + " " + spec_.name + ": " + what);
}

template <class T>
const T& Attributes::get(const std::string& key, const char* expected) {
  read_.insert(key);
  const auto found = spec_.attributes.find(key);
  if (found == spec_.attributes.end()) fail("expected the attribute '" + key + "' (" + expected + "), it is missing");
  const T* value = std::get_if<T>(&found->second);
  if (value == nullptr) fail("expected the attribute '" + key + "' to be " + expected);
  return *value;
}

int Attributes::integer(const std::string& key, int least) {
  const double value = get<double>(key, "a whole number");
  if (!(value >= least && value <= 1e9) || value != std::floor(value))
    fail("expected '" + key + "' to be a whole number of at least " + std::to_string(least));
  return static_cast<int>(value);
}

std::array<int, 2> Attributes::pair(const std::string& key, int least) {
  const auto& values = get<std::vector<double>>(key, "two whole numbers");
  std::array<int, 2> pair{};
  if (values.size() != 2)
    fail("expected '" + key + "' to be two whole numbers, received " + std::to_string(values.size()));
  for (std::size_t i = 0; i < 2; ++i) {
    if (!(values[i] >= least && values[i] <= 1e6) || values[i] != std::floor(values[i]))
      fail("expected '" + key + "' to be whole numbers of at least " + std::to_string(least));
    pair[i] = static_cast<int>(values[i]);
  }
  return pair;
}

double Attributes::number(const std::string& key) { return get<double>(key, "a number"); }
double Attributes::number(const std::string& key, double least, double most) {
  const double value = number(key);
  if (!(value >= least && value <= most)) {
    std::ostringstream expected;
    expected << "expected '" << key << "' to be a number from " << least << " to " << most << ", received " << value;
    fail(expected.str());
  }
  return value;
}
bool Attributes::flag(const std::string& key) { return get<bool>(key, "true or false"); }

void Attributes::finish() const {
  for (const auto& [key, value] : spec_.attributes)
    if (read_.count(key) == 0) fail("unknown attribute '" + key + "'");
}

}  // namespace deepzero
