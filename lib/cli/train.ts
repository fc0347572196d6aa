/** `deepzero train`: options from the defaults, a preset, a configuration file, the recorded run and flags; then the run. */
import { readFile } from 'node:fs/promises'
import { requireObject, unknownName } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { fileError } from '../files.ts'
import { presetByName } from '../presets.ts'
import { isRunConfig } from '../runs/config.ts'
import { resumePoint } from '../runs/resume-point.ts'
import { checkTraining } from '../training/check-options.ts'
import type { EndEvent } from '../training/events.ts'
import { factKeys } from '../training/facts.ts'
import { refuseUnread } from '../training/option-table.ts'
import { mergeLayers, resolveOptions, type TrainSettings, trainingOptions } from '../training/options.ts'
import { openNetwork, type SourceSettings, sourceOptions } from '../training/source.ts'
import { train } from '../training/train.ts'
import { callName, shellWord } from './call.ts'
import { runDry } from './dry-run.ts'
import { Exit } from './exit.ts'
import { checkPrune, withFirstRatios } from './first-ratios.ts'
import { flagOf } from './flags.ts'
import { onInterrupt } from './interrupt.ts'
import { openNamedData } from './open-data.ts'
import { outputFailure } from './output.ts'
import { makeReport } from './report.ts'
import { absolute, checkNew, checkResumed, checkStartedHere } from './run-directory.ts'

export type TrainFlags = Partial<TrainSettings & SourceSettings> & {
  readonly preset?: string
  readonly config?: string
  readonly json?: boolean
  readonly dryRun?: boolean
}

export const trainTable = { ...sourceOptions, ...trainingOptions }

/** Keys of a run's config.json that are no options. */
const records = new Set([
  ...['format', 'version', 'networkHash', 'dataHash', 'maskHash', 'head'],
  ...factKeys,
])

/** The options in a JSON file, which may be the config.json of a run. Unknown keys are refused with the nearest one. */
async function readConfigFile(path: string): Promise<Record<string, unknown>> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    throw fileError(path, 'read', error)
  }
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new DeepZeroError('ERR_INVALID_ARGUMENT', `${path}: expected JSON: ${(error as Error).message}`)
  }
  return options(requireObject(path, value), path)
}

/** Without the records of a run; unknown keys are refused. */
function options(config: Readonly<Record<string, unknown>>, path: string): Record<string, unknown> {
  const entries = Object.entries(config).filter(([key]) => !isRunConfig(config) || !records.has(key))
  const known = [...Object.keys(trainTable), 'preset']
  for (const [key] of entries) {
    if (!known.includes(key)) throw unknownName(`${path}: unknown option`, key, known)
  }
  const given = Object.fromEntries(entries)
  const { preset: _, ...rest } = given
  resolveOptions(trainTable, rest, path)
  return given
}

interface Resolved {
  readonly settings: TrainSettings
  readonly source: SourceSettings
  readonly preset: string | null
  /** The checkpoint to go on from, or null at the start of a run. */
  readonly latest: string | null
}

/** The generated images take the place of a recipe's data set only where somebody says so. */
const withoutData = (preset: string): DeepZeroError =>
  new DeepZeroError(
    'ERR_INVALID_ARGUMENT',
    `${flagOf('data')}: expected the folder of the data set that the preset ${preset} is for, received none; ` +
      "'builtin' takes generated images instead",
  )

/** All options: defaults < recorded run (when resuming) < preset < configuration file < flags. */
export async function resolveTraining(flags: TrainFlags): Promise<Resolved> {
  const { preset: presetFlag, config, json: _, dryRun, ...given } = flags
  const file = config === undefined ? {} : await readConfigFile(config)
  const { preset: presetInFile, ...fromFile } = file
  const run = (given.run ?? fromFile.run) as string | undefined
  const resuming = (given.resume ?? fromFile.resume) === true
  const point = resuming && run ? await resumePoint(run) : null
  if (run && point) checkStartedHere(run, point)
  const recorded = point?.recorded
  const { preset: recordedPreset, ...fromRun } = recorded ? options(recorded, `${run}/config.json`) : {}
  const preset = (presetFlag ?? presetInFile ?? null) as string | null
  const fromPreset = preset === null ? {} : presetByName(preset).options
  // What a run directory alone reads is nothing to a dry run without one.
  const ofDryRun = dryRun ? { run: run ?? null } : {}
  const merged = mergeLayers(trainTable, [fromRun, fromPreset, fromFile, given, ofDryRun])
  if (preset !== null && merged.data === undefined) throw withoutData(preset)
  const all = resolveOptions(trainTable, merged)
  const pick = (table: object): object =>
    Object.fromEntries(Object.entries(all).filter(([name]) => Object.hasOwn(table, name)))
  const settings = checkTraining(pick(trainingOptions) as TrainSettings, flagOf)
  const source = pick(sourceOptions) as SourceSettings
  refuseUnread(trainTable, all, flagOf)
  checkPrune(source, settings)
  if (run && point) checkResumed(run, point, source)
  else if (run && !(dryRun && source.network !== null)) checkNew(run)
  return {
    settings,
    source,
    preset: preset ?? (recordedPreset as string | undefined) ?? null,
    latest: point?.latest ?? null,
  }
}

/** Runs the command; `after` says more once it is done. Returns the exit code. */
export async function runTrain(flags: TrainFlags, after?: (end: EndEvent) => string): Promise<number> {
  const { settings, source, preset, latest } = await resolveTraining(flags)
  const json = flags.json === true
  const data = await openNamedData(source, json)
  // A checkpoint has weights of its own.
  const weights = latest === null ? source.weights : null
  const network = await openNetwork({ ...source, weights }, data, settings.seed)
  const report = makeReport(json)
  const keeps = settings.run !== null && !flags.dryRun
  const interrupt = onInterrupt(() =>
    report.line(`stopping${keeps ? ' with a checkpoint' : ''}; Ctrl-C again leaves at once`),
  )
  const record = {
    ...(preset === null ? {} : { preset }),
    ...source,
    data: source.data === 'builtin' ? source.data : absolute(source.data),
    dataCache: absolute(source.dataCache),
    weights: absolute(source.weights),
    // Ratios that were found before are in the configuration themselves.
    prune: 'none',
  }
  const { signal } = interrupt
  let started = false
  try {
    if (flags.dryRun) return await runDry(network, data, source, settings, { preset, json, signal })
    const say = json ? null : report.line
    const found = await withFirstRatios(network, data, source, settings, { say, signal })
    started = true
    for await (const event of train(network, data, { ...found, signal, record, onProgress: report.within })) {
      report.show(event)
      if (event.type === 'end' && after) report.line(after(event))
    }
    return Exit.done
  } catch (error) {
    report.close()
    if (!(error instanceof DeepZeroError) || error.code !== 'ERR_ABORTED') throw error
    const toStderr = (text: string): void => void process.stderr.write(`${text}\n`)
    const say = outputFailure() === null ? report.line : toStderr
    say(
      !started
        ? `${error.message}; nothing was trained`
        : settings.run === null
          ? `${error.message}; there is no run directory (--run DIR), so nothing was kept`
          : `${error.message}; a checkpoint is written, go on with: ${callName()} train --run ${shellWord(settings.run)} --resume`,
    )
    return Exit.interrupted
  } finally {
    interrupt.release()
  }
}
