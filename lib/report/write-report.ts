/** `report`: run directories read, their weights evaluated, and the page written as one file. */
import { arch, platform } from 'node:os'
import { dirname } from 'node:path'
import {
  refusal,
  requireFunction,
  requireInstance,
  requireInteger,
  requireObject,
  requireString,
} from '../check.ts'
import { makeFolder, writeAtomic } from '../files.ts'
import { type FileKind, prepareOutput, writeOutput } from '../output-file.ts'
import { version } from '../runs/version.ts'
import { type Chosen, resolveOptions } from '../training/options.ts'
import { type ReportSettings, reportOptions } from './options.ts'
import { GENERATOR, MOST_RUNS, type PageFacts, page, thumbnailsFor } from './page.ts'
import {
  checkDataName,
  type DataSource,
  type PredictionOptions,
  predict,
  withDataSource,
} from './predictions.ts'
import { distinctNames, type Missing, RunReader, type RunView } from './run-reader.ts'

const reportFile: FileKind = {
  name: 'a report',
  matches: (start) => Buffer.from(start).includes(`<meta name="generator" content="${GENERATOR}`),
  otherwise: ', or replace it with --force',
}

/** What `writeReport` takes. */
export interface ReportOptions extends Chosen<ReportSettings> {
  /** Stops the evaluation: ERR_ABORTED, and nothing is written. */
  readonly signal?: AbortSignal | undefined
  /** Told before a run is evaluated. */
  readonly onEvaluate?: ((name: string) => void) | undefined
}

/** A run in a report. */
export interface ReportedRun {
  /** As the page calls it: the directory's name, told apart from those of other runs. */
  readonly name: string
  /** As it was given. */
  readonly directory: string
  /** Whether it goes on: `running`, `done`, `stopped`, `gone`, … */
  readonly state: string
  /** Parts that the page has not, each with the reason. */
  readonly missing: readonly Missing[]
}

/** What became of a report. */
export interface WrittenReport {
  /** Of the file. */
  readonly bytes: number
  /** In the order given. */
  readonly runs: readonly ReportedRun[]
}

export const pageFacts = (now = new Date()): PageFacts => ({
  version,
  made: now.toISOString().replace('T', ' ').replace(/\..*/, ' UTC'),
  by: `Node.js ${process.version} on ${platform()}-${arch()}`,
})

/** A run with its predictions, or with the reason why there are none among what is missing. */
export async function withPredictions(
  run: RunView,
  runs: number,
  options: Omit<PredictionOptions, 'thumbnails'>,
): Promise<RunView> {
  const found = await predict(run, { ...options, thumbnails: thumbnailsFor(runs) })
  return typeof found === 'string'
    ? { ...run, missing: [...run.missing, { what: 'confusion matrix and wrong images', why: found }] }
    : { ...run, predictions: found }
}

/**
 * Reads the runs and writes their report as one HTML file, `report.html` unless `out` names another; its folder is made.
 * Throws ERR_RUN or ERR_FILE for a directory without any part of a run, ERR_DATA for a `data` folder without a known data set,
 * ERR_FILE where the file cannot be written, and ERR_INVALID_ARGUMENT where something else than a report is there, unless `force` says to replace it; what is damaged or
 * missing in a run is no error, but among its `missing`.
 */
export async function writeReport(
  directories: readonly string[],
  options: ReportOptions = {},
): Promise<WrittenReport> {
  const { bytes, views } = await makeReport(directories, options)
  const runs = views.map(({ name, directory, status, missing }) => ({
    ...{ name, directory, missing },
    state: status.kind,
  }))
  return { bytes, runs }
}

/** As `writeReport`, with all that is known of the runs. */
export async function makeReport(
  directories: readonly string[],
  options: ReportOptions,
): Promise<{ readonly bytes: number; readonly views: readonly RunView[] }> {
  if (!Array.isArray(directories)) throw refusal('directories', 'an array of run directories', directories)
  for (const directory of directories) requireString('directory', directory)
  const { signal, onEvaluate, ...given } = requireObject('options', options) as ReportOptions
  if (signal !== undefined) requireInstance('options.signal', signal, AbortSignal)
  if (onEvaluate !== undefined) requireFunction('options.onEvaluate', onEvaluate)
  const { out, force, predictions, ...settings } = resolveOptions(reportOptions, given)
  requireInteger('number of runs', directories.length, { min: 1, max: MOST_RUNS })
  if (predictions) await checkDataName(settings.data)
  if (!force) await prepareOutput(out, reportFile)
  const read = await Promise.all(directories.map((directory) => new RunReader(directory).read()))
  const named = distinctNames(read)
  const evaluated = async (source: DataSource): Promise<RunView[]> => {
    const views: RunView[] = []
    for (const run of named) {
      onEvaluate?.(run.name)
      views.push(await withPredictions(run, read.length, { ...settings, source, signal }))
    }
    return views
  }
  const views = predictions ? await withDataSource(signal, evaluated) : named
  const text = page(views, pageFacts())
  if (force) await makeFolder(dirname(out))
  await (force ? writeAtomic(out, text) : writeOutput(out, reportFile, text))
  return { bytes: Buffer.byteLength(text), views }
}
