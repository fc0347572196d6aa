#include "test/native/simt/matrix.h"

#include <cstring>

#include "test/native/simt/include/cuda_bf16.h"
#include "test/native/simt/include/cuda_fp16.h"
#include "test/native/simt/simt.h"

namespace simt {
namespace {

template <class T>
T left(unsigned of) {
  T value;
  std::memcpy(&value, left_by(of), sizeof value);
  return value;
}

float value(__half number) { return __half2float(number); }
float value(__nv_bfloat16 number) { return __bfloat162float(number); }
template <class T>
float value(std::uint32_t bits) {
  return value(T{static_cast<std::uint16_t>(bits)});
}

struct Factors {
  std::uint32_t a[4], b[2];
};

}  // namespace

void load_matrices(std::uint32_t (&tiles)[4], const void* row, const std::source_location& where) {
  if (reinterpret_cast<std::uintptr_t>(row) % 16 != 0) fail("ldmatrix: an address that is no multiple of 16 bytes");
  meet(&row, sizeof row, where);
  for (unsigned tile = 0; tile < 4; ++tile) {
    const auto* from = left<const unsigned char*>(8 * tile + lane() / 4);
    std::memcpy(&tiles[tile], from + lane() % 4 * 4, 4);
  }
}

template <class T>
void multiply(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
              const std::source_location& where) {
  Factors own;
  std::memcpy(own.a, a, sizeof a);
  std::memcpy(own.b, b, sizeof b);
  meet(&own, sizeof own, where);
  const unsigned group = lane() / 4, place = lane() % 4;
  // Rows group and group + 8 of a, columns 2·place and 2·place + 1 of b.
  float rows[2][16], columns[2][16];
  for (unsigned of = 0; of < 4; ++of) {
    const auto row = left<Factors>(4 * group + of);
    for (unsigned i = 0; i < 4; ++i) {
      rows[i % 2][i / 2 * 8 + 2 * of] = value<T>(row.a[i] & 0xffffu);
      rows[i % 2][i / 2 * 8 + 2 * of + 1] = value<T>(row.a[i] >> 16);
    }
    for (unsigned column = 0; column < 2; ++column) {
      const auto from = left<Factors>(4 * (2 * place + column) + of);
      for (unsigned i = 0; i < 2; ++i) {
        columns[column][i * 8 + 2 * of] = value<T>(from.b[i] & 0xffffu);
        columns[column][i * 8 + 2 * of + 1] = value<T>(from.b[i] >> 16);
      }
    }
  }
  for (unsigned i = 0; i < 4; ++i)
    for (unsigned k = 0; k < 16; ++k) c[i] += rows[i / 2][k] * columns[i % 2][k];
}

template void multiply<__half>(float (&)[4], const std::uint32_t (&)[4], const std::uint32_t (&)[2],
                               const std::source_location&);
template void multiply<__nv_bfloat16>(float (&)[4], const std::uint32_t (&)[4], const std::uint32_t (&)[2],
                                      const std::source_location&);

}  // namespace simt
