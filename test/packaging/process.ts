/** Programs that are run to their end, and npm as the one that runs this test. */
import { spawnSync } from 'node:child_process'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root: string = fileURLToPath(new URL('../..', import.meta.url))

/** npm's program. */
export const npmCli: string =
  process.env.npm_execpath ?? join(dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js')

export interface Ended {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a program to its end, whatever that is. */
export function ends(
  folder: string,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Ended {
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 1_800_000,
    maxBuffer: 1 << 28,
  })
  if (error) throw error
  return { status, signal, stdout, stderr }
}

/** Runs a program to its end; throws with what it printed when it fails. Gives its output. */
export function run(
  folder: string,
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): string {
  const { status, signal, stdout, stderr } = ends(folder, program, args, env)
  if (status !== 0)
    throw new Error(
      `${basename(program)} ${args.join(' ')} ended with ${signal ?? status}\n${stdout}\n${stderr}`,
    )
  return stdout
}

export const npm = (folder: string, args: readonly string[], env?: NodeJS.ProcessEnv): string =>
  run(folder, process.execPath, [npmCli, ...args], env)

/** The same, when npm may fail. */
export const npmEnds = (folder: string, args: readonly string[], env?: NodeJS.ProcessEnv): Ended =>
  ends(folder, process.execPath, [npmCli, ...args], env)

export function expect(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(message)
}
