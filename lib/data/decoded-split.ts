/**
 * The images of a split, decoded once: in a file of inputs (`inputs-file.ts`) beside them, of which an entry's key is made of
 * path, size and time of change. Where all keys are those of the listing the file is used as it is; else it is made anew, and
 * only images whose key it lacks are decoded. What is done when decoding is stopped is kept the same way.
 */
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { DeepZeroError } from '../errors.ts'
import { fileError } from '../files.ts'
import type { Shape } from './dataset.ts'
import { decodeImage } from './decode.ts'
import type { ListedImage } from './image-listing.ts'
import { InputsFile } from './inputs-file.ts'
import { InputsWriter } from './inputs-writer.ts'

export interface DecodeOptions {
  /** Stops decoding: ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Called with the numbers of images that are done and of all; what it throws stops the work. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
  /**
   * Folder to decode into where the cache does not hold the images as they are now: the cache is then only read. The set
   * reads from there as long as it is used.
   */
  readonly scratch?: string | undefined
}

/**
 * The file of the decoded images, in their order. Throws ERR_DATA for an image that cannot be decoded, or a file at `path`
 * that is something else or damaged; ERR_FILE where it cannot be written; ERR_ABORTED. With `scratch`, a file of the same
 * name there is made in the place of one at `path`.
 */
export async function decodedSplit(
  images: readonly ListedImage[],
  shape: Shape,
  resize: boolean,
  path: string,
  { signal, onProgress, scratch }: DecodeOptions,
): Promise<InputsFile> {
  const old = await InputsFile.open(path)
  if (old && old.info.shape.join() === shape.join() && isCurrent(old, images)) return old
  const recordOf = old?.info.shape.join() === shape.join() ? recordsByKey(old) : new Map<string, number>()
  const made = scratch === undefined ? path : join(scratch, basename(path))
  const writer = await createWriter(made, shape)
  const inputOf = async (image: ListedImage): Promise<Uint8Array> => {
    const record = recordOf.get(Buffer.from(image.key).toString('hex'))
    return record === undefined
      ? decodeImage(image, shape, resize)
      : ((await old!.read(Uint32Array.of(record))) as Uint8Array)
  }
  try {
    await inOrder(images, inputOf, async (image, input) => {
      if (signal?.aborted)
        throw new DeepZeroError('ERR_ABORTED', `decoding was stopped after ${writer.count} images`, {
          cause: signal.reason,
        })
      await writer.add(image.key, input)
      onProgress?.(writer.count, images.length)
    }).finally(() => old?.close())
    await writer.finish()
  } catch (error) {
    await keepOrAbandon(writer, error, recordOf.size)
    throw withRemedy(made, error)
  }
  return (await InputsFile.open(made)) as InputsFile
}

const isCurrent = (file: InputsFile, images: readonly ListedImage[]): boolean =>
  file.info.numbers === 'bytes' &&
  file.info.count === images.length &&
  images.every(({ key }, i) => file.key(i) === Buffer.from(key).toString('hex'))

function recordsByKey(file: InputsFile): Map<string, number> {
  const records = new Map<string, number>()
  for (let record = 0; record < file.info.count; ++record) records.set(file.key(record), record)
  return records
}

async function createWriter(path: string, shape: Shape): Promise<InputsWriter> {
  try {
    return await InputsWriter.create(path, shape, 'bytes')
  } catch (error) {
    throw withRemedy(path, error)
  }
}

/** After a stop, or an image that cannot be decoded, what was done is kept; unless the old file has more. */
async function keepOrAbandon(writer: InputsWriter, error: unknown, before: number): Promise<void> {
  const written =
    error instanceof DeepZeroError && (error.code === 'ERR_ABORTED' || error.code === 'ERR_DATA')
  if (written && writer.count > before) await writer.finish().catch(() => writer.abandon())
  else await writer.abandon()
}

function withRemedy(path: string, error: unknown): unknown {
  const failed = error instanceof DeepZeroError ? error : fileError(path, 'written', error)
  if (failed.code !== 'ERR_FILE') return error
  return new DeepZeroError(
    'ERR_FILE',
    `${failed.message}; decoded images are kept there (another folder: --data-cache, options.cache)`,
    { cause: failed.cause },
  )
}

/** Images being decoded at a time: enough for every thread. */
const IN_FLIGHT = 2 * Math.max(4, availableParallelism())

/** Works on a few items at a time and takes the results in the order of the items. */
async function inOrder<T, R>(
  items: readonly T[],
  work: (item: T) => Promise<R>,
  take: (item: T, result: R) => Promise<void>,
): Promise<void> {
  const pending: Promise<R>[] = []
  try {
    for (let taken = 0, begun = 0; taken < items.length; ++taken) {
      for (; begun < items.length && pending.length < IN_FLIGHT; ++begun) {
        const result = work(items[begun] as T)
        result.catch(() => {})
        pending.push(result)
      }
      await take(items[taken] as T, await (pending.shift() as Promise<R>))
    }
  } finally {
    await Promise.allSettled(pending)
  }
}
