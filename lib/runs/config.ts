/**
 * `config.json` of a run: every option with its value, how network and data were made, and fingerprints of both.
 * Resuming compares it with what was asked for: a run whose numbers would change does not go on.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isObject, show } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { writeAtomic } from '../files.ts'
import { asFileError } from './failure.ts'

export const RUN_FORMAT = 'deepzero-run/2'

export type RunConfig = Readonly<Record<string, unknown>> & { readonly format: typeof RUN_FORMAT }

/** Whether an object is the configuration of a run, of any version. */
export const isRunConfig = ({ format }: Readonly<Record<string, unknown>>): boolean =>
  typeof format === 'string' && format.startsWith('deepzero-run/')

/** The recorded configuration of a run directory, or null when there is none yet. */
export async function readConfig(directory: string): Promise<RunConfig | null> {
  const path = join(directory, 'config.json')
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    throw asFileError(path, 'read', error)
  }
  let config: RunConfig
  try {
    config = JSON.parse(text)
  } catch (error) {
    throw new DeepZeroError('ERR_RUN', `${path}: expected JSON: ${(error as Error).message}`)
  }
  if (config?.format !== RUN_FORMAT) {
    throw new DeepZeroError(
      'ERR_RUN',
      `${path}: expected a run of format ${RUN_FORMAT}, received ${show(config?.format)}`,
    )
  }
  return config
}

/** Writes the configuration of a run directory, unless it is recorded like that already. */
export async function writeConfig(
  directory: string,
  recorded: RunConfig | null,
  config: RunConfig,
): Promise<void> {
  if (JSON.stringify(recorded) === JSON.stringify(config)) return
  await writeAtomic(join(directory, 'config.json'), `${JSON.stringify(config, null, 2)}\n`)
}

type Values = Readonly<Record<string, unknown>>

/** Keys of `config.json` that hold a hash, what it is of, and the keys that say where that comes from. */
export interface Fingerprints {
  readonly [key: string]: { readonly what: string; readonly from: readonly string[] }
}

/**
 * Throws ERR_RUN naming each of `keys` whose recorded value differs from the one asked for; of a fingerprint, in words,
 * what has changed.
 */
export function checkSameConfig(
  directory: string,
  recorded: Values,
  asked: Values,
  keys: readonly string[],
  fingerprints: Fingerprints = {},
): void {
  const different = (key: string): boolean => !same(recorded[key], asked[key])
  const differing = keys.filter(different)
  if (differing.length === 0) return
  let options = false
  let contents = false
  const what = differing.map((key) => {
    const print = fingerprints[key]
    const changed = print ? print.from.filter(different) : [key]
    if (changed.length > 0) options = true
    else contents = true
    const changes = changed.map((name) => change(name, recorded[name], asked[name])).join(', ')
    if (!print) return changes
    return `the ${print.what} is not the same (${changes || `${print.from[0]} ${shown(recorded[print.from[0]!])}`})`
  })
  const remedies = [
    ...(options ? ['leave these options out to go on with the recorded ones'] : []),
    ...(contents ? ['bring back what it started with'] : []),
    'or start another run directory',
  ]
  throw new DeepZeroError(
    'ERR_RUN',
    `${directory}: expected the configuration that the run started with, but ${what.join('; ')}; ${remedies.join(', ')}`,
  )
}

const text = (value: unknown): string => JSON.stringify(value ?? null)
const same = (a: unknown, b: unknown): boolean => text(a) === text(b)
const shown = (value: unknown): string => (isObject(value) ? show(value) : text(value))
const change = (key: string, before: unknown, now: unknown): string =>
  isObject(before) && isObject(now)
    ? `${key} has other contents`
    : `${key} was ${shown(before)}, now ${shown(now)}`
