/**
 * A run directory: config.json, metrics.jsonl, event files of TensorBoard if asked for, checkpoints/STEP/, `latest` and
 * `best` (each the path of a checkpoint inside the directory), `lock` while a process works on it. metrics.jsonl is
 * appended to and cut back on resume, event files are appended to, everything else is replaced by renaming. A process
 * killed at any instant leaves a directory that resumes from `latest`.
 */
import { existsSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DeepZeroError } from '../errors.ts'
import { makeFolder, writeAtomic } from '../files.ts'
import type { Network } from '../networks/network.ts'
import type { OptimiserState } from '../optimisers/state.ts'
import { type EventFile, eventFileName, openEventFile } from '../tensorboard/event-file.ts'
import type { MetricsLine } from '../tensorboard/summaries.ts'
import {
  type Best,
  type Checkpoint,
  type Progress,
  readState,
  removeCheckpoint,
  writeCheckpoint,
} from './checkpoint.ts'
import { checkSameConfig, type Fingerprints, type RunConfig, writeConfig } from './config.ts'
import { asFileError } from './failure.ts'
import { type Lock, takeLock } from './lock.ts'
import { type Metrics, openMetrics, readMetrics } from './metrics.ts'
import { checkpointNames, readLatest, resumePoint } from './resume-point.ts'

export interface RunOptions {
  readonly network: Network
  readonly config: RunConfig
  /** Keys of the configuration that must not change. */
  readonly decisive: readonly string[]
  /** Those of them that are hashes. */
  readonly fingerprints: Fingerprints
  /** Keys that are recorded anew when the run is resumed. */
  readonly renewed: readonly string[]
  /** The optimiser's state before its first step: which vectors a checkpoint has. */
  readonly optimiser: OptimiserState
  readonly resume: boolean
  readonly force: boolean
  /** Whether to write event files of TensorBoard. */
  readonly tensorboard: boolean
  /** Newest checkpoints to keep, besides the best. */
  readonly keep: number
  /** Of the model files. */
  readonly metadata: Readonly<Record<string, string>>
  /** What computes now; a checkpoint of another instruction set is refused unless forced. */
  readonly isa: string
}

const ours = /^(config\.json|metrics\.jsonl|latest|best|checkpoints|lock|\.lock-.*|.*\.tmp)$/

export class Run {
  readonly directory: string
  /** The checkpoint that the run goes on from, or null at its start. */
  readonly resumed: Checkpoint | null
  readonly #options: RunOptions
  readonly #lock: Lock
  readonly #metrics: Metrics
  readonly #events: EventFile | null
  #latest: string | null

  private constructor(
    directory: string,
    options: RunOptions,
    lock: Lock,
    metrics: Metrics,
    events: EventFile | null,
    latest: string | null,
    resumed: Checkpoint | null,
  ) {
    this.directory = directory
    this.#options = options
    this.#lock = lock
    this.#metrics = metrics
    this.#events = events
    this.#latest = latest
    this.resumed = resumed
  }

  /**
   * Takes a new directory, or with `resume` goes on with one from its last checkpoint; one without checkpoints starts
   * from the beginning. Throws ERR_RUN (used, locked, another configuration or instruction set, a checkpoint that is
   * damaged or not pointed to), ERR_INVALID_ARGUMENT (a file is there) or ERR_FILE.
   */
  static async open(directory: string, options: RunOptions): Promise<Run> {
    await makeFolder(directory)
    const lock = takeLock(directory)
    let metrics: Metrics | undefined
    let events: EventFile | null = null
    try {
      const names = await readdir(directory)
      const used = names.filter((name) => name !== 'lock')
      if (!options.resume && used.length > 0) {
        const holds = existsSync(join(directory, 'config.json'))
        throw new DeepZeroError(
          'ERR_RUN',
          `${directory}: expected a new or empty run directory, but it ${holds ? 'holds a run already' : `contains ${used[0]}`}; ` +
            `${holds ? 'resume that run, or ' : ''}choose another directory`,
        )
      }
      const { recorded, latest } = await resumePoint(directory)
      const strange = used.find((name) => !ours.test(name) && !eventFileName.test(name))
      if (latest === null && strange !== undefined) {
        throw new DeepZeroError(
          'ERR_RUN',
          `${directory}: expected a run directory to resume, but it has no checkpoint and contains ${strange}`,
        )
      }
      const { config, decisive, fingerprints } = options
      if (recorded) checkSameConfig(directory, recorded, config, decisive, fingerprints)
      const resumed =
        latest === null ? null : await readLatest(directory, latest, options.network, options.optimiser)
      if (resumed && resumed.state.isa !== options.isa && !options.force) {
        throw new DeepZeroError(
          'ERR_RUN',
          `${directory}: expected the instruction set of the run, ${resumed.state.isa}, but ${options.isa} computes ` +
            'here, whose last bits may differ; resume where that one runs, or go on all the same (force: true, --force)',
        )
      }
      await makeFolder(join(directory, 'checkpoints'))
      if (!recorded) await writeConfig(directory, null, config)
      metrics = openMetrics(directory, resumed?.state.metricsBytes ?? 0)
      events = options.tensorboard ? beginEvents(directory, recorded, resumed) : null
      // Nothing is removed while something may still refuse.
      await sweep(directory, latest)
      // Behind the events: they go by what was recorded before.
      if (recorded) await writeConfig(directory, recorded, renew(recorded, options))
      const run = new Run(directory, options, lock, metrics, events, latest, resumed)
      // What a process killed right after its last checkpoint did not get to.
      if (resumed) await run.#tidy(resumed.state.best)
      return run
    } catch (error) {
      metrics?.close()
      events?.close()
      lock.release()
      throw asFileError(directory, 'written', error)
    }
  }

  /** Path of the last checkpoint, or null. */
  get latest(): string | null {
    return this.#latest === null ? null : join(this.directory, this.#latest)
  }

  /** Adds a line to metrics.jsonl, and to the event file if there is one. */
  record(line: MetricsLine): void {
    this.#metrics.append(line)
    this.#events?.append(line)
  }

  /**
   * Writes a checkpoint, then points `latest` to it, then deletes those that are no longer kept.
   * @param name name of its folder: the step, with a word behind it where two share a step
   * @returns its path
   */
  async checkpoint(name: string, progress: Progress, tensors: Omit<Checkpoint, 'state'>): Promise<string> {
    const inside = `checkpoints/${name}`
    const folder = join(this.directory, inside)
    this.#metrics.sync()
    const { network, metadata } = this.#options
    await writeCheckpoint(folder, network, progress, this.#metrics.bytes, tensors, metadata)
    await writeAtomic(join(this.directory, 'latest'), `${inside}\n`)
    this.#latest = inside
    await this.#tidy(progress.best)
    return folder
  }

  /** Goes back to the checkpoint before the last one, whose weights turned out to be bad; false when there is none. */
  async revert(): Promise<boolean> {
    const names = await checkpointNames(this.directory)
    const bad = this.#latest
    const before = names.filter((name) => `checkpoints/${name}` !== bad).at(-1)
    if (before === undefined || bad === null) return false
    this.#latest = `checkpoints/${before}`
    await writeAtomic(join(this.directory, 'latest'), `${this.#latest}\n`)
    await removeCheckpoint(join(this.directory, bad))
    const { best } = await readState(join(this.directory, this.#latest))
    await this.#pointToBest(best)
    return true
  }

  close(): void {
    this.#metrics.close()
    this.#events?.close()
    this.#lock.release()
  }

  /** Points `best` to its checkpoint and deletes those that are no longer kept. */
  async #tidy(best: Best | null): Promise<void> {
    await this.#pointToBest(best)
    await this.#prune(best?.step ?? null)
  }

  /** Without a `best` where that checkpoint is gone: after going back to one before a better one. */
  async #pointToBest(best: Best | null): Promise<void> {
    const path = join(this.directory, 'best')
    const line = `checkpoints/${best?.step}\n`
    if (!best || !existsSync(join(this.directory, line.trim()))) return rm(path, { force: true })
    const now = existsSync(path) ? await readFile(path, 'utf8') : ''
    if (now !== line) await writeAtomic(path, line)
  }

  async #prune(best: number | null): Promise<void> {
    const names = await checkpointNames(this.directory)
    for (const name of names.slice(0, -this.#options.keep)) {
      if (name !== String(best)) await removeCheckpoint(join(this.directory, 'checkpoints', name))
    }
  }
}

/**
 * An event file that goes on where the checkpoint stands, to which metrics.jsonl is cut already; with everything from the
 * first step on where the run trained without event files last.
 */
function beginEvents(directory: string, recorded: RunConfig | null, resumed: Checkpoint | null): EventFile {
  const whole = recorded?.tensorboard === true
  const lines = readMetrics(directory) as unknown as MetricsLine[]
  return openEventFile(directory, lines, whole && resumed ? resumed.state.step : 0)
}

/** The recorded configuration with the keys that a resumed run records anew. */
const renew = (recorded: RunConfig, { config, renewed }: RunOptions): RunConfig => ({
  ...recorded,
  ...Object.fromEntries(renewed.filter((key) => key in config).map((key) => [key, config[key]])),
})

/** Removes what a killed process left: half-written files, and checkpoints later than `latest`. */
async function sweep(directory: string, latest: string | null): Promise<void> {
  for (const name of await readdir(directory)) {
    if (/\.tmp$/.test(name) || (/^\.lock-/.test(name) && !name.includes(`-${process.pid}-`))) {
      await rm(join(directory, name), { force: true })
    }
  }
  const folder = join(directory, 'checkpoints')
  if (!existsSync(folder)) return
  for (const name of await readdir(folder)) {
    if (name.startsWith('.')) await rm(join(folder, name), { recursive: true, force: true })
  }
  const names = await checkpointNames(directory)
  const kept = latest === null ? -1 : names.indexOf(latest.slice('checkpoints/'.length))
  for (const name of names.slice(kept + 1)) await removeCheckpoint(join(folder, name))
}
