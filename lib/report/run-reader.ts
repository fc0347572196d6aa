/**
 * A run directory as a report sees it: what is there, and a list of what is not, each with the reason. Nothing but a
 * directory that holds no run at all is an error. Reading again is cheap, so that a run can be followed.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { isObject, show } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { fileError } from '../files.ts'
import { RUN_FORMAT } from '../runs/config.ts'
import { lockHolder } from '../runs/lock.ts'
import { clipped } from './format.ts'
import { type LayerShare, layerShares } from './layer-shares.ts'
import { MetricsFile } from './metrics-file.ts'
import type { Predictions } from './predictions.ts'
import { numberOf, type Records } from './records.ts'
import { type Status, statusOf } from './run-status.ts'

/** Something that a report cannot show. */
export interface Missing {
  /** The part of the report. */
  readonly what: string
  /** The reason, as a clause. */
  readonly why: string
}

export interface CheckpointView {
  /** Inside the run directory: `checkpoints/180`. */
  readonly path: string
  readonly step: number
}

export interface RunView {
  readonly name: string
  readonly directory: string
  readonly config: Readonly<Record<string, unknown>> | null
  readonly records: Records
  readonly status: Status
  /** The checkpoint of the best evaluation, or else the last one. */
  readonly weights: CheckpointView | null
  readonly device: string | null
  readonly isa: string | null
  readonly layers: readonly LayerShare[] | null
  readonly predictions: Predictions | null
  readonly missing: readonly Missing[]
}

/** What makes a directory one of a run. */
const SIGNS = ['config.json', 'metrics.jsonl', 'checkpoints'] as const

const reasonOf = (error: unknown): string =>
  (error as NodeJS.ErrnoException).code === 'ENOENT'
    ? 'there is no such file'
    : clipped((error as Error).message, 300)

/** A JSON object, or why there is none. */
function readObject(path: string): Readonly<Record<string, unknown>> | string {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return isObject(value) ? value : `it holds ${show(value)} instead of an object`
  } catch (error) {
    return reasonOf(error)
  }
}

const holdsRun = (directory: string): boolean => SIGNS.some((name) => existsSync(join(directory, name)))

/** The end of a message about a folder that holds no run itself. */
function runsWithin(directory: string): string {
  const run = readdirSync(directory).find((name) => holdsRun(join(directory, name)))
  return run === undefined
    ? ''
    : `; it is a folder of runs: name those you mean, such as ${join(directory, run)}`
}

export class RunReader {
  readonly directory: string
  readonly #metrics: MetricsFile
  #layers: { readonly key: string; readonly value: readonly LayerShare[] | string } | null = null

  /** Throws ERR_RUN or ERR_FILE when the directory is not there or holds no part of a run. */
  constructor(directory: string) {
    this.directory = resolve(directory)
    try {
      if (!statSync(directory).isDirectory())
        throw new DeepZeroError('ERR_RUN', `${directory}: expected a run directory, received a file`)
      if (!holdsRun(directory))
        throw new DeepZeroError(
          'ERR_RUN',
          `${directory}: expected a run directory (deepzero train --run), but it has none of ${SIGNS.join(', ')}` +
            runsWithin(directory),
        )
    } catch (error) {
      throw fileError(directory, 'read', error)
    }
    this.#metrics = new MetricsFile(directory)
  }

  /** Reads what is new. */
  async read(now: number = Date.now()): Promise<RunView> {
    const missing: Missing[] = []
    const without = (what: string, why: string): null => {
      missing.push({ what, why })
      return null
    }
    const config = this.#config(without)
    const records = this.#records(without)
    const { latest, weights } = this.#checkpoints(without)
    const state = latest && this.#state(latest, without)
    const spent = isObject(state?.spent) ? state.spent : {}
    const layers = await this.#layerShares(config, weights)
    if (typeof layers === 'string') without('layer ratios', layers)
    const machine = isObject(config?.machine) ? config.machine : {}
    const word = (name: string): string | null => {
      const value = machine[name] ?? state?.[name] ?? config?.[name]
      return typeof value === 'string' ? value : null
    }
    return {
      name: basename(this.directory) || this.directory,
      directory: this.directory,
      config,
      records,
      status: statusOf({
        config,
        records,
        epochsDone: numberOf(state?.epoch),
        secondsDone: numberOf(spent.seconds),
        holder: lockHolder(this.directory),
        changed: this.#metrics.changed,
        now,
      }),
      weights,
      device: word('device'),
      isa: word('isa'),
      layers: typeof layers === 'string' ? null : layers,
      predictions: null,
      missing,
    }
  }

  #config(without: (what: string, why: string) => null): RunView['config'] {
    const config = readObject(join(this.directory, 'config.json'))
    if (typeof config === 'string') return without('configuration', `config.json: ${config}`)
    if (config.format !== RUN_FORMAT) {
      without(
        'parts of the configuration',
        `config.json: expected format ${RUN_FORMAT}, received ${show(config.format)}; what is understood is shown`,
      )
    }
    return config
  }

  #records(without: (what: string, why: string) => null): Records {
    const metrics = this.#metrics
    metrics.update()
    const { records, failure } = metrics
    if (failure) without('curves', `metrics.jsonl: ${reasonOf(failure)}`)
    const { damaged, firstDamaged, steps, epochs, estimates } = records
    if (damaged > 0) {
      const lines = `${damaged} ${damaged === 1 ? 'line is' : 'lines are'}`
      without(
        'some records',
        `metrics.jsonl: ${lines} left out; line ${firstDamaged?.line}: ${firstDamaged?.why}`,
      )
    }
    if (failure) return records
    if (steps.length === 0) without('curves of steps', 'metrics.jsonl holds no step')
    if (epochs.length === 0)
      without('results on the test split', 'metrics.jsonl holds no epoch that was finished')
    if (estimates.length === 0) {
      without(
        'heat map of estimates',
        'metrics.jsonl holds no estimates records; runs of earlier versions wrote none',
      )
    } else if (steps.every(({ gradientNorm }) => Number.isNaN(gradientNorm))) {
      without('gradient norm', 'the step records hold none')
    }
    return records
  }

  /** The last checkpoint, and the one whose weights are shown. */
  #checkpoints(without: (what: string, why: string) => null): {
    latest: CheckpointView | null
    weights: CheckpointView | null
  } {
    const latest = this.#pointer('latest') ?? this.#newest()
    const weights = this.#pointer('best') ?? latest
    if (!weights) without('weights', 'the directory holds no checkpoint')
    return { latest, weights }
  }

  /** Where `latest` or `best` leads, or null. */
  #pointer(name: string): CheckpointView | null {
    let path: string
    try {
      path = readFileSync(join(this.directory, name), 'utf8').trim()
    } catch {
      return null
    }
    const step = path.match(/^checkpoints\/(\d+)[\w-]*$/)?.[1]
    return step !== undefined && existsSync(join(this.directory, path)) ? { path, step: Number(step) } : null
  }

  #newest(): CheckpointView | null {
    try {
      const names = readdirSync(join(this.directory, 'checkpoints')).filter((name) =>
        /^\d+[\w-]*$/.test(name),
      )
      const steps = names.map((name) => ({ path: `checkpoints/${name}`, step: Number.parseInt(name, 10) }))
      return steps.sort((a, b) => b.step - a.step)[0] ?? null
    } catch {
      return null
    }
  }

  #state({ path }: CheckpointView, without: (what: string, why: string) => null) {
    const state = readObject(join(this.directory, path, 'state.json'))
    return typeof state === 'string' ? without('device and progress', `${path}/state.json: ${state}`) : state
  }

  /** Read again only when what they depend on is another. */
  async #layerShares(
    config: RunView['config'],
    weights: CheckpointView | null,
  ): Promise<readonly LayerShare[] | string> {
    const key = `${config === null}/${weights?.path}`
    if (this.#layers?.key !== key) {
      const model = weights && join(this.directory, weights.path, 'model.safetensors')
      this.#layers = { key, value: await layerShares(config, model) }
    }
    return this.#layers.value
  }
}

/** Names that tell runs apart: the folder's, with folders above it where several are equal. */
export function distinctNames(runs: readonly RunView[]): RunView[] {
  const parts = runs.map(({ directory }) => directory.split(/[\\/]/).filter(Boolean))
  return runs.map((run, i) => {
    const mine = parts[i] as string[]
    const named = (depth: number): string => mine.slice(-depth).join('/')
    let depth = 1
    while (
      depth < mine.length &&
      parts.some((other, j) => j !== i && other.slice(-depth).join('/') === named(depth))
    ) {
      depth += 1
    }
    return { ...run, name: named(depth) || run.name }
  })
}
