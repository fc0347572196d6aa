/**
 * Where a run goes on: the checkpoint that `latest` names. Without it, or without config.json, checkpoints are not taken
 * for nothing: that is refused, naming what is whole and how to go on from it.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DeepZeroError } from '../errors.ts'
import type { Network } from '../networks/network.ts'
import type { OptimiserState } from '../optimisers/state.ts'
import { type Checkpoint, readCheckpoint, readState } from './checkpoint.ts'
import { type RunConfig, readConfig } from './config.ts'
import { asFileError } from './failure.ts'

export interface ResumePoint {
  /** The configuration of the run, or null when none has begun. */
  readonly recorded: RunConfig | null
  /** Path of the last checkpoint inside the directory, or null at the start of a run. */
  readonly latest: string | null
}

/** Looks at a directory to be resumed. Throws ERR_RUN when its checkpoints cannot be gone on from, or ERR_FILE. */
export async function resumePoint(directory: string): Promise<ResumePoint> {
  const recorded = await readConfig(directory)
  const names = await checkpointNames(directory)
  const newest = names.at(-1)
  if (recorded === null && newest !== undefined) {
    throw new DeepZeroError(
      'ERR_RUN',
      `${directory}: expected the config.json that belongs to its checkpoints, but it is gone, so that nothing says ` +
        `which options they go on with; bring it back, or start another run directory from the weights in ${join(directory, 'checkpoints', newest, 'model.safetensors')}`,
    )
  }
  const pointer = join(directory, 'latest')
  // A process killed while it wrote the first checkpoint may leave that alone: nothing is lost when it starts again.
  if (!existsSync(pointer) && names.some((name) => name !== '0')) {
    throw new DeepZeroError(
      'ERR_RUN',
      `${pointer}: expected the path of the checkpoint to go on from, but the file is gone; ${await wayBack(directory)}`,
    )
  }
  try {
    return { recorded, latest: await readPointer(directory, 'latest') }
  } catch (error) {
    throw await withWayBack(directory, error)
  }
}

/** Reads the checkpoint to go on from; where it is damaged, the error names the newest whole one. */
export async function readLatest(
  directory: string,
  latest: string,
  network: Network,
  optimiser: OptimiserState,
): Promise<Checkpoint> {
  try {
    return await readCheckpoint(join(directory, latest), network, optimiser)
  } catch (error) {
    throw await withWayBack(directory, error)
  }
}

async function withWayBack(directory: string, error: unknown): Promise<unknown> {
  if (!(error instanceof DeepZeroError)) return error
  const { code, message, cause } = error
  return new DeepZeroError(code, `${message}; ${await wayBack(directory)}`, { cause })
}

/** What to do when `latest` leads to no whole checkpoint. */
async function wayBack(directory: string): Promise<string> {
  const whole: string[] = []
  for (const name of await checkpointNames(directory)) {
    const state = await readState(join(directory, 'checkpoints', name)).catch(() => null)
    if (state) whole.push(name)
  }
  const newest = whole.at(-1)
  if (newest === undefined) return 'no whole checkpoint is left; start another run directory'
  return (
    `whole checkpoints: ${whole.join(', ')}; to go on from the newest of them, write checkpoints/${newest} ` +
    `into ${join(directory, 'latest')}`
  )
}

/** The checkpoint inside the directory that `latest` or `best` points to, or null; throws ERR_RUN when it points nowhere. */
export async function readPointer(directory: string, name: 'latest' | 'best'): Promise<string | null> {
  const path = join(directory, name)
  if (!existsSync(path)) return null
  const inside = (await readFile(path, 'utf8')).trim()
  if (!/^checkpoints\/[\w-]+$/.test(inside)) {
    throw new DeepZeroError('ERR_RUN', `${path}: expected the path of a checkpoint, received '${inside}'`)
  }
  if (!existsSync(join(directory, inside))) {
    throw new DeepZeroError(
      'ERR_RUN',
      `${path}: expected the path of a checkpoint, but ${inside} does not exist`,
    )
  }
  return inside
}

/** Folders of checkpoints, oldest first; at one step the one before the evaluation comes first. None without the folder. */
export async function checkpointNames(directory: string): Promise<string[]> {
  const folder = join(directory, 'checkpoints')
  let names: string[]
  try {
    names = await readdir(folder)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw asFileError(folder, 'read', error)
  }
  return names
    .filter((name) => /^\d/.test(name))
    .sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10) || b.length - a.length)
}
