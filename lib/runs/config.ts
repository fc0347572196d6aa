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

/** Throws ERR_RUN naming each of `keys` whose recorded value differs from the one asked for. */
export function checkSameConfig(
  directory: string,
  recorded: Readonly<Record<string, unknown>>,
  asked: Readonly<Record<string, unknown>>,
  keys: readonly string[],
): void {
  const text = (value: unknown): string => JSON.stringify(value ?? null)
  const differing = keys.filter((key) => text(recorded[key]) !== text(asked[key]))
  if (differing.length === 0) return
  const shown = (value: unknown): string => (isObject(value) ? show(value) : text(value))
  const what = differing.map((key) =>
    isObject(recorded[key]) && isObject(asked[key])
      ? `${key} has other contents`
      : `${key} was ${shown(recorded[key])}, now ${shown(asked[key])}`,
  )
  throw new DeepZeroError(
    'ERR_RUN',
    `${directory}: expected the configuration that the run started with, but ${what.join('; ')}; ` +
      'leave these options out to go on with the recorded ones, or start another run directory',
  )
}
