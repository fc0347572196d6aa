/**
 * Finds the binary that works here: candidates in their order, each inspected, probed in a child process when that
 * leaves a doubt, then loaded. What is not used has a reason and a remedy.
 *
 * A prebuilt binary is beyond doubt when it is the file that the package was made with (its SHA-256 is recorded beside
 * it); one that was built here, when it is whole and for this architecture.
 */
import { createRequire } from 'node:module'
import { type Candidate, candidates, prebuiltTargets } from './candidates.ts'
import { diagnose } from './diagnose.ts'
import { type Fault, remedies } from './fault.ts'
import { inspect } from './inspect.ts'
import { type Machine, machineName, nodeIsTooOld, thisMachine } from './machine.ts'
import { probe } from './probe.ts'

const require = createRequire(import.meta.url)

export interface Rejected extends Fault {
  /** The file, or empty when it is not about one. */
  readonly path: string
}

/** A loaded addon, or none; and everything that was tried before. */
export interface Loaded extends Partial<Candidate> {
  readonly addon?: object
  readonly rejected: readonly Rejected[]
}

export interface LoadOptions {
  /** Names that the addon must have: one without them is of another version. */
  readonly expected?: readonly string[]
  /** Load in a child process first even what is beyond doubt. */
  readonly alwaysProbe?: boolean
}

/** `root`: the package's folder. Throws ERR_NATIVE_LOAD only where it is none. */
export function loadBinary(root: string, options: LoadOptions = {}): Loaded {
  const machine = thisMachine(root)
  if (nodeIsTooOld(machine)) return { rejected: [{ path: '', ...oldNode(machine) }] }
  const rejected: Rejected[] = []
  for (const candidate of candidates(root)) {
    const outcome = attempt(candidate, machine, options)
    if ('addon' in outcome) return { ...candidate, addon: outcome.addon, rejected }
    rejected.push({ path: candidate.path, ...outcome })
  }
  if (rejected.length === 0) rejected.push({ path: '', ...nothingFits(root, machine) })
  return { rejected }
}

function attempt(
  candidate: Candidate,
  machine: Machine,
  { expected = [], alwaysProbe = false }: LoadOptions,
): Fault | { readonly addon: object } {
  const { fault, doubtful } = inspect(candidate, machine)
  if (fault) return fault
  const crash = doubtful || alwaysProbe ? probe(candidate.path, machine) : undefined
  if (crash) return crash
  try {
    const addon = require(candidate.path) as object
    const missing = expected.filter((name) => !(name in addon))
    if (missing.length === 0) return { addon }
    return {
      reason: `of another version of the package: it has no ${missing.join(', ')}`,
      remedy: candidate.origin === 'built' ? remedies.build : remedies.reinstall,
    }
  } catch (error) {
    return diagnose(error instanceof Error ? error.message : String(error), machine)
  }
}

const oldNode = ({ node, oldestNode }: Machine): Fault => ({
  reason: `Node.js ${node} is too old`,
  remedy: `use Node.js ${oldestNode} or newer`,
})

function nothingFits(root: string, machine: Machine): Fault {
  const targets = prebuiltTargets(root)
  return {
    reason:
      `nothing was built here, and ${targets.length > 0 ? `the prebuilt binaries are for ${targets.join(', ')}` : 'there is no prebuilt binary'}` +
      `; this is ${machineName(machine)}`,
    remedy: remedies.build,
  }
}

/** All rejections as one sentence each. */
export const explainRejected = (rejected: readonly Rejected[]): string =>
  rejected.map(({ path, reason, remedy }) => `${path ? `${path}: ` : ''}${reason}; ${remedy}`).join('. ')
