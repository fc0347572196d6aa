#include "bench/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>

#include "engine/error.h"

namespace deepzero {

void write_file_atomically(const std::string& path, std::string_view bytes) {
  const std::string temporary = path + ".tmp-" + std::to_string(::getpid());
  const auto fail = [&](const std::string& what) {
    const std::string reason = std::strerror(errno);
    ::unlink(temporary.c_str());
    throw Error("ERR_INVALID_ARGUMENT", path + ": " + what + " (" + reason + "); check the path and the free space");
  };
  const int file = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (file < 0) fail("cannot be written");
  for (std::size_t at = 0; at < bytes.size();) {
    const ssize_t written = ::write(file, bytes.data() + at, bytes.size() - at);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) {
      const int reason = errno;
      ::close(file);
      errno = reason;
      fail("could not be written");
    }
    at += static_cast<std::size_t>(written);
  }
  const bool synced = ::fsync(file) == 0;
  if (::close(file) != 0 || !synced) fail("could not be written to the disk");
  if (::rename(temporary.c_str(), path.c_str()) != 0) fail("cannot be replaced");
}

}  // namespace deepzero
