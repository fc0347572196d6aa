/**
 * Writes PNG (ISO/IEC 15948): 8 bits, grey or RGB, without interlacing, every row with filter 0. For pictures that people
 * look at; no library is needed.
 */
import { crc32, deflateSync } from 'node:zlib'
import type { FileKind } from '../output-file.ts'

const SIGNATURE = Buffer.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a)

export const pngFile: FileKind = {
  name: 'a PNG image',
  matches: (start) => SIGNATURE.equals(start.subarray(0, SIGNATURE.length)),
}
const GREY = 0
const RGB = 2

function chunk(type: string, data: Uint8Array): Buffer {
  const out = Buffer.alloc(12 + data.length)
  out.writeUInt32BE(data.length)
  out.write(type, 4, 'latin1')
  out.set(data, 8)
  out.writeUInt32BE(crc32(out.subarray(4, 8 + data.length)), 8 + data.length)
  return out
}

/** A PNG of pixels [height, width, channels] with 1 or 3 channels. */
export function encodePng(pixels: Uint8Array, height: number, width: number, channels: 1 | 3): Uint8Array {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width)
  header.writeUInt32BE(height, 4)
  header[8] = 8
  header[9] = channels === 1 ? GREY : RGB
  const stride = width * channels
  const rows = new Uint8Array(height * (stride + 1))
  for (let y = 0; y < height; ++y)
    rows.set(pixels.subarray(y * stride, (y + 1) * stride), y * (stride + 1) + 1)
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', new Uint8Array()),
  ])
}
