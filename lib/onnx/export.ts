/**
 * Networks as ONNX models, for inference elsewhere: batch norm takes its running statistics. The graph has one input
 * `input` [batch, C, H, W] and one output `output`, [batch, K] where the network ends in K numbers, [batch, C, H, W]
 * where it ends in an image; batch is any number of images. Tensors have the names that PyTorch gives them.
 */
import { checkOptions, requireObject, rule } from '../check.ts'
import type { Dataset } from '../data/dataset.ts'
import { DeepZeroError } from '../errors.ts'
import type { TensorInfo } from '../native.ts'
import { foldBatchNorm } from '../networks/fold-batch-norm.ts'
import { type Network, requireNetwork } from '../networks/network.ts'
import { type FileKind, writeOutput } from '../output-file.ts'
import { version } from '../runs/version.ts'
import { Graph, type GraphValue } from './graph.ts'
import { convertOp } from './ops.ts'
import { encodeModel } from './proto.ts'

/** The newest opset whose operators are used, and the version of the file format that came with it. */
export const ONNX_OPSET = 17
const IR_VERSION = 8

const INPUT = 'input'
const OUTPUT = 'output'

/** What an exported file is to be. */
export interface OnnxOptions {
  /** Make batch norm a part of the layer in front of it, where nothing else reads that; off by default. */
  readonly foldBatchNorm?: boolean | undefined
  /** Let the model take pixels in [0, 1] and normalise them itself; without it the input is normalised already. */
  readonly normalisation?: Pick<Dataset, 'mean' | 'std'> | null | undefined
  /** Entries of the model's metadata. */
  readonly metadata?: Readonly<Record<string, string>> | undefined
}

const shape = {
  foldBatchNorm: rule.boolean(),
  normalisation: (name: string, value: unknown) => {
    if (value !== null) requireObject(name, value)
  },
  metadata: rule.object(),
}

/** The bytes of an ONNX model. Throws ERR_NETWORK for an op without a form in ONNX, ERR_SHAPE for a normalisation that does not fit. */
export function exportOnnx(network: Network, options: OnnxOptions = {}): Uint8Array {
  requireNetwork(network)
  checkOptions(options, shape)
  const { foldBatchNorm: fold = false, normalisation = null, metadata = {} } = options
  const { spec, layout, parameters, buffers } = fold ? foldBatchNorm(network) : network
  const tensors = [...layout.parameters, ...layout.buffers].map(({ name }) => name)
  const graph = new Graph([INPUT, OUTPUT, ...tensors])
  const add = (infos: readonly TensorInfo[], values: Float32Array): void => {
    for (const { name, shape: dims, offset, size } of infos)
      graph.tensors.push({ name, shape: dims, data: values.subarray(offset, offset + size) })
  }
  add(layout.parameters, parameters)
  add(layout.buffers, buffers)

  const values = new Map<string, GraphValue>([[INPUT, normalised(graph, spec.input, normalisation)]])
  for (const op of spec.ops) {
    const first = op.inputs[0]!
    const [channels] = first === INPUT ? spec.input : layout.shapes[first]!
    const value = convertOp({
      graph,
      op,
      inputs: op.inputs.map((name) => values.get(name)!),
      channels,
      output: op.name,
      has: (role) => tensors.includes(`${op.name}.${role}`),
      tensor: (role) => `${op.name}.${role}`,
    })
    values.set(op.name, value)
  }
  const last = spec.ops.at(-1)!.name
  const end = layout.shapes[last]!
  const flat = end[1] === 1 && end[2] === 1
  const value = values.get(last)!
  const result = flat ? graph.flat(value) : value.name
  return encodeModel({
    irVersion: IR_VERSION,
    opset: ONNX_OPSET,
    producer: { name: 'deepzero-native', version },
    metadata,
    name: spec.name,
    nodes: graph.nodes.map((node) => (node.output === result ? { ...node, output: OUTPUT } : node)),
    tensors: graph.tensors,
    input: { name: INPUT, shape: ['batch', ...spec.input] },
    output: { name: OUTPUT, shape: ['batch', ...(flat ? [end[0]] : end)] },
  })
}

/** (x − mean)/std of the input, or the input as it is. */
function normalised(
  graph: Graph,
  [channels]: readonly [number, number, number],
  normalisation: Pick<Dataset, 'mean' | 'std'> | null,
): GraphValue {
  if (normalisation === null) return { name: INPUT, rank: 4 }
  const constant = (name: 'mean' | 'std'): string => {
    const values = normalisation[name]
    if (!Array.isArray(values) || values.length !== channels || !values.every(Number.isFinite))
      throw new DeepZeroError(
        'ERR_SHAPE',
        `options.normalisation.${name}: expected ${channels} numbers, one per channel, received ${JSON.stringify(values)}`,
      )
    return graph.constant(`normalisation/${name}`, [1, channels, 1, 1], values)
  }
  const centred = graph.add('Sub', 'normalisation/centred', [INPUT, constant('mean')])
  return { name: graph.add('Div', 'normalisation/scaled', [centred, constant('std')]), rank: 4 }
}

/** Told by the version of the format, a small number in field 1, and the producer in field 2 behind it. */
export const onnxFile: FileKind = {
  name: 'an ONNX model',
  matches: (start) => start[0] === 0x08 && start[1]! < 0x20 && start[2] === 0x12,
}

/**
 * Writes an ONNX model, whole or not at all, and makes its folder. Throws as `exportOnnx` does, ERR_FILE, and
 * ERR_INVALID_ARGUMENT where another kind of file is there.
 */
export async function saveOnnx(path: string, network: Network, options: OnnxOptions = {}): Promise<void> {
  await writeOutput(path, onnxFile, exportOnnx(network, options))
}
