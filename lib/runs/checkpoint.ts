/**
 * A checkpoint: everything that the next step depends on. Three files in `checkpoints/STEP/`:
 *
 *     model.safetensors   weights and running statistics; a model file like any other
 *     state.safetensors   `VECTOR/NAME` for each vector of the optimiser's state (momentum, …) and each parameter
 *     state.json          position, sums of the epoch and of the run so far, draw of coordinates, length of metrics.jsonl,
 *                         best epoch, SHA-256 of the other two files
 *
 * The generator is counter-based: its state is the seed (in config.json), the position and the draw. The folder is
 * written under a temporary name, synced and renamed, so that a checkpoint is whole or not there. What becomes of it
 * later (a copy that was cut off, a bad disk) the hashes tell.
 */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isObject } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { readBytes, syncFolder, writeAtomic } from '../files.ts'
import { encodeModel, withWeights } from '../model.ts'
import type { Network } from '../networks/network.ts'
import type { OptimiserState } from '../optimisers/state.ts'
import { decodeSafetensors, encodeSafetensors, type Safetensors, type Tensor } from '../safetensors.ts'
import { asFileError } from './failure.ts'

/** Sums over the steps of the epoch in progress. */
export interface EpochSums {
  /** Σ loss · images. */
  loss: number
  correct: number
  images: number
  queries: number
  seconds: number
}

export interface Best {
  readonly step: number
  readonly epoch: number
  readonly testLoss: number
  /** null where there are no classes. */
  readonly testAccuracy: number | null
}

/** What the run has used, from its start. */
export interface Spent {
  readonly queries: number
  /** Steps and the evaluations after epochs. */
  readonly seconds: number
}

const FORMAT = 'deepzero-state/3'

/** The files beside state.json, whose hashes it holds. */
const hashed = ['model.safetensors', 'state.safetensors'] as const

export interface RunState {
  readonly format: typeof FORMAT
  /** Steps done since the start of the run. */
  readonly step: number
  /** Epochs done. */
  readonly epoch: number
  /** Steps done of the next epoch. */
  readonly stepInEpoch: number
  readonly sums: EpochSums
  readonly spent: Spent
  /** Number of the next step's set of coordinates (`lib/coordinates.ts`); it follows from the step. */
  readonly draw: number
  readonly metricsBytes: number
  readonly best: Best | null
  /** Of the last epoch done. */
  readonly last: Pick<Best, 'testLoss' | 'testAccuracy'> | null
  readonly device: string
  /** Instruction set or architecture: its bits are the run's. */
  readonly isa: string
  /** Of the files beside it, by name, in hexadecimal. */
  readonly sha256: Readonly<Record<(typeof hashed)[number], string>>
}

/** What a run says of its state; the directory adds the rest. */
export type Progress = Omit<RunState, 'format' | 'metricsBytes' | 'sha256'>

export interface Checkpoint {
  readonly state: RunState
  /** Flat, in the order of the network's layout. */
  readonly parameters: Float32Array
  readonly buffers: Float32Array
  readonly optimiser: OptimiserState
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/**
 * Writes a checkpoint to `folder`, whole or not at all.
 * @param metricsBytes length of metrics.jsonl
 * @param metadata of the model file
 */
export async function writeCheckpoint(
  folder: string,
  network: Network,
  progress: Progress,
  metricsBytes: number,
  { parameters, buffers, optimiser }: Omit<Checkpoint, 'state'>,
  metadata: Readonly<Record<string, string>>,
): Promise<void> {
  const temporary = join(folder, '..', `.writing-${process.pid}`)
  const tensors = Object.entries(optimiser).flatMap(([vector, values]) =>
    network.layout.parameters.map(({ name, shape, offset, size }): [string, Tensor] => [
      `${vector}/${name}`,
      { dtype: dtypeOf(values), shape, data: values.subarray(offset, offset + size) },
    ]),
  )
  try {
    await rm(temporary, { recursive: true, force: true })
    await mkdir(temporary)
    const model = encodeModel(network, parameters, buffers, metadata)
    const vectors = encodeSafetensors(tensors)
    const state: RunState = {
      format: FORMAT,
      ...progress,
      metricsBytes,
      sha256: { 'model.safetensors': sha256(model), 'state.safetensors': sha256(vectors) },
    }
    await writeAtomic(join(temporary, 'model.safetensors'), model)
    await writeAtomic(join(temporary, 'state.safetensors'), vectors)
    await writeAtomic(join(temporary, 'state.json'), `${JSON.stringify(state, null, 2)}\n`)
    await rename(temporary, folder)
    await syncFolder(join(folder, '..'))
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => {})
    throw asFileError(folder, 'written', error)
  }
}

const dtypeOf = (vector: Float32Array | Uint32Array): 'F32' | 'U32' =>
  vector instanceof Float32Array ? 'F32' : 'U32'

/** Reads the state of a checkpoint whose files are those that were written. Throws ERR_RUN when one is damaged, or ERR_FILE. */
export const readState = async (folder: string): Promise<RunState> => (await readWhole(folder)).state

/** The state, and the files that it vouches for: what is used is what was hashed. */
async function readWhole(folder: string): Promise<{
  readonly state: RunState
  readonly files: Readonly<Record<(typeof hashed)[number], Uint8Array>>
}> {
  const path = join(folder, 'state.json')
  let state: RunState
  try {
    state = JSON.parse(Buffer.from(await readBytes(path)).toString('utf8'))
  } catch (error) {
    if (error instanceof DeepZeroError) throw error
    throw new DeepZeroError('ERR_RUN', `${path}: expected JSON: ${(error as Error).message}`)
  }
  if (state?.format !== FORMAT) {
    throw new DeepZeroError('ERR_RUN', `${path}: expected format ${FORMAT}, received ${state?.format}`)
  }
  checkState(state, path)
  const files = {} as Record<(typeof hashed)[number], Uint8Array>
  for (const name of hashed) {
    const file = join(folder, name)
    files[name] = await readBytes(file)
    if (sha256(files[name]) !== state.sha256?.[name]) {
      throw new DeepZeroError(
        'ERR_RUN',
        `${file}: expected the bytes that were written, but the file is damaged: its SHA-256 is not that of state.json`,
      )
    }
  }
  return { state, files }
}

/** What the fields of a state must be. */
function checkState(state: RunState, path: string): void {
  const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0
  const isAmount = (value: unknown): boolean => Number.isFinite(value) && (value as number) >= 0
  const isResult = (value: RunState['last']): boolean =>
    value === null ||
    (isObject(value) &&
      Number.isFinite(value.testLoss) &&
      (value.testAccuracy === null || isAmount(value.testAccuracy)))
  const { sums, spent, best, last } = state
  const fits: Readonly<Record<string, boolean>> = {
    step: isCount(state.step),
    epoch: isCount(state.epoch),
    stepInEpoch: isCount(state.stepInEpoch),
    sums:
      isObject(sums) &&
      Number.isFinite(sums.loss) &&
      isCount(sums.correct) &&
      isCount(sums.images) &&
      isCount(sums.queries) &&
      isAmount(sums.seconds),
    spent: isObject(spent) && isCount(spent.queries) && isAmount(spent.seconds),
    draw: isCount(state.draw),
    metricsBytes: isCount(state.metricsBytes),
    best: isResult(best) && (best === null || (isCount(best.step) && isCount(best.epoch))),
    last: isResult(last),
    isa: typeof state.isa === 'string',
    sha256: isObject(state.sha256),
  }
  const wrong = Object.keys(fits).find((name) => !fits[name])
  if (wrong !== undefined) {
    const received = JSON.stringify(state[wrong as keyof RunState])
    throw new DeepZeroError('ERR_RUN', `${path}: expected the state of a run, received ${wrong} ${received}`)
  }
}

/**
 * Reads a checkpoint of `network`. Throws as `readState`, and ERR_RUN or ERR_MODEL when it is of another network.
 * @param optimiser a state of the run's optimiser, which says what vectors there are; it stays as it is
 */
export async function readCheckpoint(
  folder: string,
  network: Network,
  optimiser: OptimiserState,
): Promise<Checkpoint> {
  const { state, files } = await readWhole(folder)
  const path = (name: (typeof hashed)[number]): string => join(folder, name)
  const read = (name: (typeof hashed)[number]) => decodeSafetensors(files[name], path(name))
  const model = withWeights(read('model.safetensors'), network, path('model.safetensors'))
  return {
    state,
    parameters: model.parameters,
    buffers: model.buffers,
    optimiser: optimiserOf(read('state.safetensors'), path('state.safetensors'), network, optimiser),
  }
}

function optimiserOf(
  { tensors }: Safetensors,
  file: string,
  { layout }: Network,
  optimiser: OptimiserState,
): OptimiserState {
  const read = Object.entries(optimiser).map(([vector, like]) => {
    const values = like.slice()
    const dtype = dtypeOf(like)
    for (const { name, offset, size } of layout.parameters) {
      const tensor = tensors.get(`${vector}/${name}`)
      if (tensor?.dtype !== dtype || tensor.data.length !== size) {
        throw new DeepZeroError(
          'ERR_RUN',
          `${file}: expected ${vector}/${name} with ${size} values of ${dtype}`,
        )
      }
      values.set(tensor.data as typeof values, offset)
    }
    return [vector, values] as const
  })
  return Object.fromEntries(read)
}

/** Deletes a checkpoint so that no half of it is ever seen under its name. */
export async function removeCheckpoint(folder: string): Promise<void> {
  if (!existsSync(folder)) return
  const moved = join(folder, '..', `.removing-${process.pid}`)
  await rm(moved, { recursive: true, force: true })
  await rename(folder, moved)
  await rm(moved, { recursive: true, force: true })
}
