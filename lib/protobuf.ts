/**
 * Protocol buffers, written only: https://protobuf.dev/programming-guides/encoding. A field is its key,
 * number · 8 + wire type, and its value: a varint, 4 or 8 bytes little-endian, or a length and that many bytes. A message
 * is the bytes of its fields one after the other, which is all that these functions make. Event files of TensorBoard and
 * ONNX models are such messages.
 */

/** Encoded fields: a part of a message. */
export type Fields = Uint8Array

const VARINT = 0
const EIGHT_BYTES = 1
const LENGTH = 2
const FOUR_BYTES = 5

export function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  return all
}

/** Seven bits a byte, lowest first, the top bit set in all but the last; negative numbers are 64-bit two's complement. */
function varint(value: number): number[] {
  const bytes: number[] = []
  let rest = BigInt.asUintN(64, BigInt(value))
  while (rest >= 128n) {
    bytes.push(Number(rest & 127n) | 128)
    rest >>= 7n
  }
  bytes.push(Number(rest))
  return bytes
}

const key = (field: number, wireType: number): number[] => varint(8 * field + wireType)

/** An integer or enum (int32, int64, uint64, bool as 0 and 1); also negative. */
export const integer = (field: number, value: number): Fields =>
  Uint8Array.from([...key(field, VARINT), ...varint(value)])

export function float(field: number, value: number): Fields {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setFloat32(0, value, true)
  return concatenate([Uint8Array.from(key(field, FOUR_BYTES)), bytes])
}

export function double(field: number, value: number): Fields {
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value, true)
  return concatenate([Uint8Array.from(key(field, EIGHT_BYTES)), bytes])
}

/** Bytes as they are; also an encoded message, or a packed array. */
export const bytes = (field: number, value: Uint8Array): Fields =>
  concatenate([Uint8Array.from([...key(field, LENGTH), ...varint(value.length)]), value])

/** In UTF-8. */
export const text = (field: number, value: string): Fields => bytes(field, new TextEncoder().encode(value))

/** A message inside another one. */
export const message = (field: number, fields: readonly Fields[]): Fields => bytes(field, concatenate(fields))

/** A packed array of doubles. */
export function doubles(field: number, values: readonly number[]): Fields {
  const packed = new DataView(new ArrayBuffer(8 * values.length))
  values.forEach((value, i) => {
    packed.setFloat64(8 * i, value, true)
  })
  return bytes(field, new Uint8Array(packed.buffer))
}

/** An array of integers, packed or not: a parser takes both, and one after the other is what older ones expect. */
export const integers = (field: number, values: readonly number[]): Fields =>
  concatenate(values.map((value) => integer(field, value)))
