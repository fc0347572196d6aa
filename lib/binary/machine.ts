/** What this process runs on, as far as a binary cares: platform, C library, Node.js. */
import { compareVersions } from '../compare-versions.ts'
import { packageFile } from '../package-file.ts'

export interface Machine {
  readonly platform: string
  readonly architecture: string
  /** Of Linux; empty elsewhere. */
  readonly libc: 'glibc' | 'musl' | ''
  /** Of glibc; empty elsewhere. */
  readonly glibc: string
  readonly node: string
  /** The oldest Node.js that the package works with, as its package.json says. */
  readonly oldestNode: string
  /** Folders that LD_LIBRARY_PATH puts before the system's. */
  readonly libraryPath: readonly string[]
}

/** `root`: the package's folder. */
export function thisMachine(root: string): Machine {
  return {
    platform: process.platform,
    architecture: process.arch,
    // Asked for only where something is wrong: the report takes longer than loading the addon.
    get libc() {
      return process.platform === 'linux' ? (this.glibc ? 'glibc' : 'musl') : ''
    },
    get glibc() {
      return process.platform === 'linux' ? glibcVersion() : ''
    },
    node: process.versions.node,
    oldestNode: packageFile(root).oldestNode,
    libraryPath: (process.env.LD_LIBRARY_PATH ?? '').split(':').filter((folder) => folder !== ''),
  }
}

/** From Node's report on itself, which names it only where Node runs on glibc. */
function glibcVersion(): string {
  const report = process.report as NodeJS.ProcessReport & { excludeNetwork?: boolean }
  const before = report.excludeNetwork
  // Looking up the names of network interfaces would take seconds on some machines.
  report.excludeNetwork = true
  const { header } = report.getReport() as unknown as { header: { glibcVersionRuntime?: string } }
  if (before !== undefined) report.excludeNetwork = before
  return header.glibcVersionRuntime ?? ''
}

export const nodeIsTooOld = ({ node, oldestNode }: Pick<Machine, 'node' | 'oldestNode'>): boolean =>
  compareVersions(node, oldestNode) < 0

/** `linux-x64 (glibc 2.36)`. */
export const machineName = ({ platform, architecture, libc, glibc }: Machine): string =>
  `${platform}-${architecture}${libc ? ` (${libc}${glibc ? ` ${glibc}` : ''})` : ''}`
