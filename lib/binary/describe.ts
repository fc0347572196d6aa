/** A binary and its surroundings as a report shows them. */
import { readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { packageRoot } from '../package-file.ts'
import type { Candidate } from './candidates.ts'
import { inspect } from './inspect.ts'
import { thisMachine } from './machine.ts'

export interface Surroundings {
  /** C library of this process, with its version: `glibc 2.36`; empty where there is no choice. */
  readonly libc: string
  /** What the binary needs of libraries, by family: `GLIBC 2.32`. Empty without a binary. */
  readonly needs: readonly string[]
  /** The kernel's NVIDIA driver; empty where there is none. */
  readonly driver: string
  /** What may lead to other libraries than the binary was made for, with a remedy. */
  readonly warnings: readonly string[]
}

export function surroundings(candidate: Candidate | undefined): Surroundings {
  const machine = thisMachine(packageRoot)
  const needs = candidate ? inspect(candidate, machine).needs : {}
  return {
    libc: [machine.libc, machine.glibc].filter((part) => part !== '').join(' '),
    needs: Object.entries(needs).map(([family, version]) => `${family} ${version}`),
    driver: nvidiaDriver(),
    warnings: machine.platform === 'linux' ? foreignLibraries(machine.libraryPath) : [],
  }
}

/** From the kernel module; the CUDA backend asks the driver's library itself. */
function nvidiaDriver(): string {
  try {
    const [, version] =
      /Kernel Module[^\d]*([\d.]+)/.exec(readFileSync('/proc/driver/nvidia/version', 'utf8')) ?? []
    return version ?? ''
  } catch {
    return ''
  }
}

/** Those where another one than the system's makes a difference. */
const delicate = /\/lib(c|m|stdc\+\+|gcc_s|cuda|cudart)\.so[.\d]*$/
const system = /^\/(usr\/)?lib(64)?(\/[\w-]+-linux-gnu)?$/

/** What LD_LIBRARY_PATH and LD_PRELOAD have brought into this process. */
function foreignLibraries(libraryPath: readonly string[]): string[] {
  let maps: string
  try {
    maps = readFileSync('/proc/self/maps', 'utf8')
  } catch {
    return []
  }
  const loaded = [...new Set(maps.match(/\/\S+\.so[.\d]*$/gm) ?? [])].filter((file) => delicate.test(file))
  const foreign = libraryPath
    .map((folder) => folder.replace(/\/+$/, ''))
    .filter((folder) => !system.test(folder))
    .map((folder) => [folder, loaded.filter((file) => dirname(file) === folder)] as const)
    .filter(([, files]) => files.length > 0)
    .map(
      ([folder, files]) =>
        `LD_LIBRARY_PATH gives ${files.join(', ')} in place of the system's; if anything is odd, take ${folder} out of it`,
    )
  const preload = process.env.LD_PRELOAD
  return preload
    ? [...foreign, `LD_PRELOAD loads ${preload} into this process; if anything is odd, leave it out`]
    : foreign
}
