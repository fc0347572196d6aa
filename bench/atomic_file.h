// Writes a whole file so that a reader, or a crash at any instant, sees the old one or the new one.
#pragma once

#include <string>
#include <string_view>

namespace deepzero {

/// Writes to a temporary name beside `path`, syncs and renames. Throws ERR_INVALID_ARGUMENT with the system's reason.
void write_file_atomically(const std::string& path, std::string_view bytes);

}  // namespace deepzero
