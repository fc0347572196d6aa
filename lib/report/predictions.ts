/**
 * What a run's weights say about the test split: the confusion matrix, and of each class the images that they are most
 * sure about and wrong. Computed here by a forward pass with running statistics, since a run records neither.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isObject } from '../check.ts'
import { type Dataset, inputsAt, type Splits, sizeOf } from '../data/dataset.ts'
import { loadBatches } from '../data/load-batches.ts'
import { detectFormat } from '../data/open-data.ts'
import { imagePng } from '../data/pixels.ts'
import { createSession } from '../session.ts'
import { resolveOptions, trainingOptions } from '../training/options.ts'
import { type DataSettings, dataOptions, openData, openModel } from '../training/source.ts'
import { numberOf } from './records.ts'
import type { RunView } from './run-reader.ts'

export interface WrongImage {
  /** Position in the test split, from 0. */
  readonly index: number
  readonly label: number
  readonly predicted: number
  /** Softmax of the output that won. */
  readonly confidence: number
  /** The image as a data URI. */
  readonly source: string
}

export interface Predictions {
  readonly classes: readonly string[]
  /** [label][predicted] */
  readonly matrix: readonly (readonly number[])[]
  readonly images: number
  readonly correct: number
  readonly wrong: readonly WrongImage[]
  /** A word on what was used, where it is not what the run used. */
  readonly note: string | null
}

export interface PredictionOptions {
  /** Folder with the data set, builtin, or null for what the configuration names. */
  readonly data: string | null
  readonly threads: number
  readonly source: DataSource
  /** Wrong images to keep, as many of each class. */
  readonly thumbnails: number
  readonly signal?: AbortSignal | undefined
}

/** Opens data sets, each once while runs of the same one are evaluated. */
export type DataSource = (settings: DataSettings) => Promise<Splits>

/**
 * Works with a source that writes nothing into data folders: images that no cache beside them holds are decoded into a
 * temporary folder, which is removed at the end.
 */
export async function withDataSource<T>(
  signal: AbortSignal | undefined,
  work: (source: DataSource) => Promise<T>,
): Promise<T> {
  const folders: string[] = []
  const open = async (settings: DataSettings): Promise<Splits> => {
    const scratch = await mkdtemp(join(tmpdir(), 'deepzero-report-'))
    folders.push(scratch)
    return openData(settings, { signal, scratch })
  }
  let last: { readonly key: string; readonly splits: Promise<Splits> } | null = null
  try {
    return await work((settings) => {
      const key = JSON.stringify(settings)
      if (last?.key !== key) last = { key, splits: open(settings) }
      return last.splits
    })
  } finally {
    for (const folder of folders) await rm(folder, { recursive: true, force: true })
  }
}

/** Bytes of an image that is shown; those of CIFAR-10 have 3,072. */
const LARGEST_IMAGE = 3 * 64 * 64
/** Images per call. */
const BATCH = trainingOptions.evaluateBatchSize.default
/** A confusion matrix of more classes fits no page. */
const MOST_CLASSES = 40
/** Shares of images: what rounding in another instruction set may turn over. */
const ROUNDING = 0.002

/** Throws ERR_DATA where somebody names data that is not there: that is a slip, not a part that a run lacks. */
export async function checkDataName(data: string | null): Promise<void> {
  if (data !== null && data !== 'builtin') await detectFormat(data)
}

/** The predictions, or why there are none; throws only when it is stopped. */
export async function predict(run: RunView, options: PredictionOptions): Promise<Predictions | string> {
  const { config, weights } = run
  if (weights === null) return 'they need weights, and the directory holds no checkpoint'
  const name = options.data ?? config?.data
  if (typeof name !== 'string') {
    return 'they need the data set, which the configuration does not name; give its folder with --data'
  }
  if (typeof config?.head === 'string')
    return `the loss is a ${config.head} behind the network, not its outputs`
  try {
    const data = await options.source(dataSettings(name, config ?? {}))
    if (data.test.labels === undefined) return 'the data set has numbers to predict, not classes'
    if (data.classes.length > MOST_CLASSES)
      return `the data set has ${data.classes.length} classes; at most ${MOST_CLASSES} are shown`
    const model = join(run.directory, weights.path, 'model.safetensors')
    const { network, normalisation } = await openModel({ network: null, weights: model }, data, 0)
    const session = createSession(network, { threads: options.threads })
    try {
      const found = await confusion({ ...data.test, ...normalisation }, session, options)
      return { ...found, note: noteOf(run, found) }
    } finally {
      session.dispose()
    }
  } catch (error) {
    if (options.signal?.aborted) throw error
    const { message } = error as Error
    return options.data === null ? `${message}; --data DIR names another folder` : message
  }
}

/**
 * The data set as the run read it, all training images and as many test images; without its `dataCache`, as a recorded
 * configuration is not to choose folders.
 */
function dataSettings(data: string, config: Readonly<Record<string, unknown>>): DataSettings {
  const sizes = isObject(config.sizes) ? config.sizes : {}
  const { labels, imageSize, imageChannels } = config
  const testImages = numberOf(config.testImages) || numberOf(sizes.testImages) || 0
  return resolveOptions(dataOptions, { data, testImages, labels, imageSize, imageChannels })
}

async function confusion(
  test: Dataset,
  session: ReturnType<typeof createSession>,
  { thumbnails, signal }: PredictionOptions,
): Promise<Omit<Predictions, 'note'>> {
  const { classes, count, shape } = test
  const labels = test.labels!
  const matrix = classes.map(() => new Array<number>(classes.length).fill(0))
  const wrong: Omit<WrongImage, 'source'>[] = []
  let index = 0
  let correct = 0
  for await (const batch of loadBatches(test, { batchSize: BATCH })) {
    const { outputs } = await session.forward(batch, { statistics: 'running', signal })
    for (let i = 0; i < batch.count; ++i, ++index) {
      const label = labels[index] as number
      const { predicted, confidence } = decision(
        outputs.subarray(i * classes.length, (i + 1) * classes.length),
      )
      matrix[label]![predicted]! += 1
      if (predicted === label) correct += 1
      else wrong.push({ index, label, predicted, confidence })
    }
  }
  const shown = sizeOf(shape) > LARGEST_IMAGE ? 0 : thumbnails
  const each = Math.ceil(shown / classes.length)
  const worst = classes.flatMap((_, k) =>
    wrong
      .filter(({ label }) => label === k)
      .sort((a, b) => b.confidence - a.confidence || a.index - b.index)
      .slice(0, each),
  )
  const shownWrong = worst.slice(0, shown)
  const pictures = await inputsAt(
    test,
    Uint32Array.from(shownWrong, ({ index }) => index),
  )
  const source = (place: number): string => {
    const png = imagePng(pictures.subarray(place * sizeOf(shape), (place + 1) * sizeOf(shape)), shape)
    return `data:image/png;base64,${Buffer.from(png).toString('base64')}`
  }
  return {
    classes,
    matrix,
    images: count,
    correct,
    wrong: shownWrong.map((image, place) => ({ ...image, source: source(place) })),
  }
}

/** The largest output, the first of equal ones, and its softmax. */
export function decision(outputs: Float32Array): { predicted: number; confidence: number } {
  let predicted = 0
  for (let k = 1; k < outputs.length; ++k) if (outputs[k]! > outputs[predicted]!) predicted = k
  const sum = outputs.reduce((total, output) => total + Math.exp(output - outputs[predicted]!), 0)
  return { predicted, confidence: 1 / sum }
}

/** Whether the accuracy is the one that the run recorded for these weights. */
function noteOf(
  { records, weights }: RunView,
  { correct, images }: Omit<Predictions, 'note'>,
): string | null {
  const recorded = records.epochs.find(({ step }) => step === weights?.step)?.testAccuracy
  const accuracy = correct / images
  if (recorded === undefined || Number.isNaN(recorded) || Math.abs(recorded - accuracy) <= ROUNDING)
    return null
  const shown = (share: number): string => `${(100 * share).toFixed(2)} %`
  return (
    `the accuracy here is ${shown(accuracy)}, the run recorded ${shown(recorded)} for these weights: ` +
    'the data set is another one, or cut differently'
  )
}
