/** What `--run` and `--resume` find in a directory, looked at before data are read and a network is made. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { DeepZeroError } from '../errors.ts'
import { checkSameConfig } from '../runs/config.ts'
import type { ResumePoint } from '../runs/resume-point.ts'
import type { SourceSettings } from '../training/source.ts'
import { callName, shellWord } from './call.ts'

/** Absolute, so that a run can be resumed from anywhere. */
export const absolute = (path: string | null): string | null => (path === null ? null : resolve(path))

/** A new run: refuses a directory that holds one already. */
export function checkNew(run: string): void {
  if (!existsSync(join(run, 'config.json'))) return
  throw new DeepZeroError(
    'ERR_RUN',
    `${run} holds a run already; add --resume to go on with it (${callName()} train --run ${shellWord(run)} --resume), ` +
      'or choose another directory',
  )
}

/** A run that this command can go on with; the library records no more than the names of network and data. */
export function checkStartedHere(run: string, { recorded }: ResumePoint): void {
  if (recorded === null || Object.hasOwn(recorded, 'trainImages')) return
  throw new DeepZeroError(
    'ERR_RUN',
    `${run} was started by a program, with train() of the library, and its config.json does not say how that made network ` +
      'and data; go on with it there (resume: true)',
  )
}

/** A run to resume: there is one, or at least a network to start it with, and its first weights stay what they were. */
export function checkResumed(
  run: string,
  { recorded }: ResumePoint,
  { network, weights }: Pick<SourceSettings, 'network' | 'weights'>,
): void {
  if (recorded === null) {
    if (network !== null) return
    throw new DeepZeroError(
      'ERR_RUN',
      `${run} holds no run; check the path, or give the options of a new one (--network, or --preset)`,
    )
  }
  const before = absolute((recorded.weights ?? null) as string | null)
  checkSameConfig(run, { weights: before }, { weights: absolute(weights) }, ['weights'])
}
