/**
 * CRC-32C (Castagnoli): the remainder of the bytes as a polynomial over GF(2), reflected, by the polynomial 0x1EDC6F41,
 * begun with all ones and complemented at the end (RFC 3720, appendix B.4). `crc32c('123456789')` is 0xE3069283.
 */

/** 0x1EDC6F41 with its bits in reverse. */
const POLYNOMIAL = 0x82f63b78

/** Remainders of the 256 bytes. */
const table = Uint32Array.from({ length: 256 }, (_, byte) => {
  let remainder = byte
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? POLYNOMIAL : 0)
  return remainder
})

export function crc32c(bytes: Uint8Array): number {
  let remainder = 0xffffffff
  for (const byte of bytes) remainder = (remainder >>> 8) ^ table[(remainder ^ byte) & 255]!
  return ~remainder >>> 0
}
