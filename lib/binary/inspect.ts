/** What can be told about a binary without loading it: what rules it out, and whether it is beyond doubt. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Candidate } from './candidates.ts'
import { readElf } from './elf.ts'
import { type Fault, remedies } from './fault.ts'
import type { Machine } from './machine.ts'

/** Beside prebuilt binaries: the SHA-256 of each, by its path below the folder. */
export const checksumFile = 'sha256.json'

export interface Inspection {
  /** Why it need not be tried. */
  readonly fault?: Fault
  /** Whether loading it could end the process: then a child process loads it first. */
  readonly doubtful: boolean
  /** Newest symbol versions that it needs, by family. */
  readonly needs: Readonly<Record<string, string>>
}

export function inspect({ path, origin }: Candidate, machine: Machine): Inspection {
  const ruledOut = (reason: string, remedy: string): Inspection => ({
    fault: { reason, remedy },
    doubtful: true,
    needs: {},
  })
  const again = origin === 'prebuilt' ? remedies.reinstall : remedies.build
  let file: Buffer
  try {
    file = readFileSync(path)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return ruledOut(`cannot be read (${code ?? error})`, code === 'EACCES' ? remedies.permissions : again)
  }
  // Other platforms have other formats, about which their loader says enough.
  if (machine.platform !== 'linux') return { doubtful: origin === 'prebuilt', needs: {} }
  const elf = readElf(file)
  if (!elf) return ruledOut('damaged: not a 64-bit ELF file', again)
  if (elf.architecture !== machine.architecture)
    return ruledOut(
      `for ${elf.architecture}, and this Node.js is ${machine.architecture}`,
      'remove node_modules and install again with this Node.js; a copy from another machine does not do',
    )
  if (file.length < elf.bytes)
    return ruledOut(`damaged: ${file.length} bytes of at least ${elf.bytes}`, again)
  return { doubtful: origin === 'prebuilt' && !isAsRecorded(path, file), needs: elf.needs }
}

function isAsRecorded(path: string, file: Buffer): boolean {
  // prebuilds/linux-x64/FILE
  const prebuilds = dirname(dirname(path))
  try {
    const sums = JSON.parse(readFileSync(join(prebuilds, checksumFile), 'utf8')) as Record<string, unknown>
    return (
      sums[relative(prebuilds, path).replaceAll('\\', '/')] ===
      createHash('sha256').update(file).digest('hex')
    )
  } catch {
    return false
  }
}
