/**
 * What an ELF file says of itself, read without loading it: the machine it is for, how long it has to be, and the newest
 * symbol versions that it needs of each library family (GLIBC 2.34, GLIBCXX 3.4.29, …).
 *
 * Layout of 64-bit little-endian ELF (System V ABI): the file header names a table of sections; a section of type
 * SHT_GNU_verneed is a list of libraries, each with a list of versions, whose names stand in the section it links to.
 */
import { compareVersions } from '../compare-versions.ts'

/** e_machine of the architectures that Node calls so. */
const machines: Readonly<Record<number, string>> = {
  3: 'ia32',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
}

const HEADER = 64
const SHT_GNU_VERNEED = 0x6ffffffe

export interface ElfFacts {
  /** As `process.arch` names it, or the number of the machine. */
  readonly architecture: string
  /** Where the table of sections ends, which linkers put last: a shorter file is not whole. */
  readonly bytes: number
  /** Newest version needed, by family. */
  readonly needs: Readonly<Record<string, string>>
}

/** The facts of a file's content; undefined when it is no 64-bit little-endian ELF file. */
export function readElf(file: Buffer): ElfFacts | undefined {
  const magic = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1])
  if (file.length < HEADER || !file.subarray(0, magic.length).equals(magic)) return undefined
  const machine = file.readUInt16LE(18)
  const table = Number(file.readBigUInt64LE(40))
  const entry = file.readUInt16LE(58)
  const bytes = table + entry * file.readUInt16LE(60)
  return {
    architecture: machines[machine] ?? `machine ${machine}`,
    bytes,
    needs: bytes <= file.length && entry === HEADER ? neededVersions(file, table, bytes) : {},
  }
}

function neededVersions(file: Buffer, table: number, end: number): Record<string, string> {
  const needs: Record<string, string> = {}
  try {
    for (let section = table; section < end; section += HEADER) {
      if (file.readUInt32LE(section + 4) !== SHT_GNU_VERNEED) continue
      const names = Number(file.readBigUInt64LE(table + HEADER * file.readUInt32LE(section + 40) + 24))
      let library = Number(file.readBigUInt64LE(section + 24))
      for (let left = file.readUInt32LE(section + 44); left > 0; left--) {
        let version = library + file.readUInt32LE(library + 8)
        for (let more = file.readUInt16LE(library + 2); more > 0; more--) {
          const start = names + file.readUInt32LE(version + 8)
          const [, family, number] =
            /^([A-Z]+)_([\d.]+)$/.exec(file.toString('latin1', start, file.indexOf(0, start))) ?? []
          if (family && number && compareVersions(number, needs[family] ?? '0') > 0) needs[family] = number
          version += file.readUInt32LE(version + 12)
        }
        library += file.readUInt32LE(library + 12)
      }
    }
  } catch (error) {
    // Offsets beyond the file: it is damaged; loading it will say so.
    if (!(error instanceof RangeError)) throw error
  }
  return needs
}
