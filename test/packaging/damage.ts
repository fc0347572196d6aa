/** Ways in which a binary goes bad. */
import { readFileSync, writeFileSync } from 'node:fs'

/** Cut off, as by a full disk. */
export function truncate(file: string): void {
  const content = readFileSync(file)
  writeFileSync(file, content.subarray(0, content.length / 3))
}

export const makeCrash = (file: string): void => writeFileSync(file, crashing(readFileSync(file)))

/**
 * A 64-bit ELF file that is whole as far as its headers tell, with bytes in place of its code that no processor runs:
 * loading it ends the process.
 */
export function crashing(content: Buffer): Buffer {
  const file = Buffer.from(content)
  // Program headers of type PT_LOAD (1) with PF_X (1) in their flags hold the code.
  const headers = Number(file.readBigUInt64LE(32))
  for (let i = 0; i < file.readUInt16LE(56); i++) {
    const header = headers + i * file.readUInt16LE(54)
    if (file.readUInt32LE(header) !== 1 || !(file.readUInt32LE(header + 4) & 1)) continue
    const start = Number(file.readBigUInt64LE(header + 8))
    file.fill(0xcc, start, start + Number(file.readBigUInt64LE(header + 32)))
  }
  return file
}
