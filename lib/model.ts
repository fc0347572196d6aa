/**
 * Model files: safetensors with PyTorch names (`layer1.0.conv1.weight`, `bn1.running_mean`), and the op list as JSON
 * under the metadata key `network` (`deepzero-network/1`), so that a file rebuilds its network without any code that
 * names it. Files of PyTorch have no such key; their weights are put into a network that the caller gives.
 */
import { list } from './check.ts'
import { DeepZeroError } from './errors.ts'
import type { NetworkSpec, TensorInfo } from './native.ts'
import { initialBuffers } from './networks/initialise.ts'
import { type LossName, lossNames } from './networks/loss.ts'
import { describeNetwork, type Network } from './networks/network.ts'
import { writeOutput } from './output-file.ts'
import {
  encodeSafetensors,
  readSafetensors,
  type Safetensors,
  safetensorsFile,
  type Tensor,
} from './safetensors.ts'

/** Metadata key of the op list. */
const NETWORK = 'network'
/** PyTorch's counter of batches; nothing here needs it. */
const IGNORED = /(^|\.)num_batches_tracked$/
/** How many names an error lists. */
const SHOWN = 3

/** Bytes of a model file. The vectors are flat, as the layout says. Throws ERR_MODEL when their lengths differ. */
export function encodeModel(
  { spec, layout }: Pick<Network, 'spec' | 'layout'>,
  parameters: Float32Array,
  buffers: Float32Array,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const tensors: [string, Tensor][] = []
  const add = (what: string, infos: readonly TensorInfo[], values: Float32Array, count: number): void => {
    if (values.length !== count)
      throw new DeepZeroError(
        'ERR_MODEL',
        `${what} of ${spec.name}: expected ${count} numbers, received ${values.length}`,
      )
    for (const { name, shape, offset, size } of infos)
      tensors.push([name, { dtype: 'F32', shape, data: values.subarray(offset, offset + size) }])
  }
  add('parameters', layout.parameters, parameters, layout.parameterCount)
  add('buffers', layout.buffers, buffers, layout.bufferCount)
  return encodeSafetensors(tensors, { ...metadata, [NETWORK]: JSON.stringify(spec) })
}

/**
 * Writes a model file, whole or not at all, and makes its folder: the network's own weights, or other ones of its layout.
 * Throws ERR_FILE, ERR_MODEL, or ERR_INVALID_ARGUMENT where another kind of file is there.
 */
export async function saveModel(
  path: string,
  network: Network,
  parameters: Float32Array = network.parameters,
  buffers: Float32Array = network.buffers,
  metadata: Readonly<Record<string, string>> = {},
): Promise<void> {
  await writeOutput(path, safetensorsFile, encodeModel(network, parameters, buffers, metadata))
}

/**
 * Reads a model file that `saveModel` wrote: network and weights. Throws ERR_FILE when it cannot be read or is no
 * safetensors file, ERR_MODEL when it describes no network or its tensors do not fit it, ERR_NOT_FINITE for weights
 * that are not numbers.
 */
export async function loadModel(path: string): Promise<Network> {
  const file = await readSafetensors(path)
  const text = Object.hasOwn(file.metadata, NETWORK) ? file.metadata[NETWORK] : undefined
  if (text === undefined)
    throw new DeepZeroError(
      'ERR_MODEL',
      `${path}: expected the metadata key '${NETWORK}', received a file without it; ` +
        'name the network that these weights belong to (loadWeights, or --network on the command line)',
    )
  const spec = parseSpec(text, path)
  try {
    return withWeights(file, { spec, layout: describeNetwork(spec) }, path)
  } catch (error) {
    const { code, message } = error as DeepZeroError
    if (code !== 'ERR_NETWORK' && code !== 'ERR_SHAPE') throw error
    throw new DeepZeroError('ERR_MODEL', `${path}: its network cannot be built: ${message}`, { cause: error })
  }
}

/**
 * Reads the weights of a given network from a safetensors file with PyTorch names; `num_batches_tracked` is ignored,
 * F32 and F64 are accepted, and running statistics may be missing altogether (they start at mean 0, variance 1).
 * Throws as `loadModel` does; weights of another network: ERR_MODEL with the first tensors that do not fit.
 */
export async function loadWeights(path: string, network: Pick<Network, 'spec' | 'layout'>): Promise<Network> {
  return withWeights(await readSafetensors(path), network, path)
}

function parseSpec(text: string, path: string): NetworkSpec {
  let spec: unknown
  try {
    spec = JSON.parse(text)
  } catch (error) {
    throw new DeepZeroError('ERR_MODEL', `${path}: its '${NETWORK}' is not JSON: ${(error as Error).message}`)
  }
  const { format, ops, loss } = (spec ?? {}) as Partial<NetworkSpec>
  if (format !== 'deepzero-network/1' || !Array.isArray(ops) || !lossNames.includes(loss as LossName))
    throw new DeepZeroError(
      'ERR_MODEL',
      `${path}: expected a network of format 'deepzero-network/1' with ops and the loss ${list(lossNames)}, ` +
        `received format ${JSON.stringify(format)} and loss ${JSON.stringify(loss)}`,
    )
  return spec as NetworkSpec
}

/** The weights of a given network from a file that was read, `path`; see `loadWeights`. */
export function withWeights(
  { tensors }: Safetensors,
  { spec, layout }: Pick<Network, 'spec' | 'layout'>,
  path: string,
): Network {
  const stored = [...tensors.keys()].filter((name) => !IGNORED.test(name))
  const statistics = layout.buffers.some(({ name }) => tensors.has(name))
  const wanted = [...layout.parameters, ...(statistics ? layout.buffers : [])]
  const names = new Set(wanted.map(({ name }) => name))
  const problems = [
    ...listed(
      'missing',
      wanted.filter(({ name }) => !tensors.has(name)).map(({ name }) => name),
    ),
    ...listed(
      'unexpected',
      stored.filter((name) => !names.has(name)),
    ),
    ...listed(
      'of another shape',
      wanted.flatMap((info) => misfit(info, tensors.get(info.name))),
    ),
  ]
  if (problems.length > 0)
    throw new DeepZeroError('ERR_MODEL', `${path}: not the weights of ${spec.name}: ${problems.join('; ')}`)

  const parameters = new Float32Array(layout.parameterCount)
  const buffers = initialBuffers(layout)
  for (const info of layout.parameters) fill(parameters, info, tensors.get(info.name) as Tensor, path)
  if (statistics)
    for (const info of layout.buffers) {
      fill(buffers, info, tensors.get(info.name) as Tensor, path)
      if (info.role === 'running_var') refuseNegative(buffers, info, path)
    }
  return { spec, layout, parameters, buffers }
}

function listed(what: string, names: readonly string[]): string[] {
  if (names.length === 0) return []
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : ''
  return [`${what}: ${names.slice(0, SHOWN).join(', ')}${more}`]
}

function misfit({ name, shape }: TensorInfo, tensor: Tensor | undefined): string[] {
  if (tensor === undefined) return []
  const expected = `[${shape.join(', ')}]`
  const received = `[${tensor.shape.join(', ')}]`
  if (tensor.dtype !== 'F32' && tensor.dtype !== 'F64')
    return [`${name} (expected F32 or F64, received ${tensor.dtype})`]
  return expected === received ? [] : [`${name} (expected ${expected}, received ${received})`]
}

/** A variance below 0 would make NaN of everything behind it. */
function refuseNegative(values: Float32Array, { name, offset, size }: TensorInfo, path: string): void {
  const bad = values.subarray(offset, offset + size).findIndex((value) => value < 0)
  if (bad >= 0)
    throw new DeepZeroError(
      'ERR_MODEL',
      `${path}: expected variances of at least 0, received ${values[offset + bad]} in ${name} at element ${bad}`,
    )
}

function fill(out: Float32Array, { name, offset, size }: TensorInfo, tensor: Tensor, path: string): void {
  const values = tensor.data as Float32Array | Float64Array
  out.set(values, offset)
  const bad = out.subarray(offset, offset + size).findIndex((value) => !Number.isFinite(value))
  if (bad >= 0)
    throw new DeepZeroError(
      'ERR_NOT_FINITE',
      `${path}: expected finite numbers, received ${values[bad]} in ${name} at element ${bad}`,
    )
}
