/**
 * One record of a TFRecord file (tensorflow/core/lib/io/record_writer.h), little-endian:
 *
 *     u64 length · u32 checksum of these 8 bytes · the bytes · u32 checksum of the bytes
 *
 * A checksum is a CRC-32C, rotated right by 15 bits with 0xA282EAD8 added, so that a checksum over data that holds
 * checksums is none of them.
 */
import { concatenate } from '../protobuf.ts'
import { crc32c } from './crc32c.ts'

const MASK = 0xa282ead8

const masked = (crc: number): number => (((crc >>> 15) | (crc << 17)) + MASK) >>> 0

export function encodeRecord(data: Uint8Array): Uint8Array {
  const head = new DataView(new ArrayBuffer(12))
  head.setBigUint64(0, BigInt(data.length), true)
  head.setUint32(8, masked(crc32c(new Uint8Array(head.buffer, 0, 8))), true)
  const tail = new DataView(new ArrayBuffer(4))
  tail.setUint32(0, masked(crc32c(data)), true)
  return concatenate([new Uint8Array(head.buffer), data, new Uint8Array(tail.buffer)])
}
