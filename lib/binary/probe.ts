/**
 * Loads a binary in a child process, so that one that crashes takes down the child alone: what is wrong with it, or
 * undefined when it loads and answers.
 */
import { spawnSync } from 'node:child_process'
import { constants } from 'node:os'
import { diagnose } from './diagnose.ts'
import { type Fault, remedies } from './fault.ts'
import type { Machine } from './machine.ts'

const program = `
const addon = { exports: {} }
try {
  process.dlopen(addon, process.argv[1])
  addon.exports.instructionSets()
} catch (error) {
  process.stdout.write(error.message)
  process.exitCode = 1
}`

const timeout = 60_000

export function probe(path: string, machine: Machine): Fault | undefined {
  const { NODE_OPTIONS: _, ...env } = process.env
  const { error, signal, status, stdout } = spawnSync(process.execPath, ['-e', program, path], {
    // In Electron the program itself would start.
    env: { ...env, ELECTRON_RUN_AS_NODE: '1' },
    encoding: 'utf8',
    timeout,
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  // Where no child can be started (a sandbox, an emulator), only loading it tells.
  if (error && (error as NodeJS.ErrnoException).code !== 'ETIMEDOUT') return undefined
  if (error) return { reason: `does not load within ${timeout / 1000} s`, remedy: remedies.reinstall }
  // A shell between the two would turn the signal into 128 + its number.
  const name = signal ?? signalOf(status)
  if (name === 'SIGILL')
    return { reason: 'uses instructions that this processor lacks (SIGILL)', remedy: remedies.build }
  if (name) return { reason: `crashes when it is loaded (${name}): damaged`, remedy: remedies.reinstall }
  return status === 0 ? undefined : diagnose(stdout || `exit code ${status} when it is loaded`, machine)
}

const signalOf = (status: number | null): string | undefined =>
  Object.entries(constants.signals).find(([, number]) => status === 128 + number)?.[0]
