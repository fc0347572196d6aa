/**
 * A reference case, values in float64 from an independent framework, in two safetensors files: `CASE.safetensors`
 * (weights and running statistics, PyTorch names) and `CASE.expected.safetensors`:
 *
 *     input [B, C, H, W] f32, labels [B] i64      the batch as it enters the network
 *     logits_train, loss_train                    with batch statistics
 *     logits_eval, loss_eval                      with running statistics
 *     running_after/NAME                          running statistics after one training-mode pass
 *     grad/NAME                                   true gradient of loss_train, of every parameter
 *     cge/param_index, cge/element_index [Q] i32  queried coordinates; metadata `parameters` lists the names
 *     cge/mu=MU [Q]                               (loss(θ + μ·e_i) − loss(θ)) / μ, batch statistics
 */
import { requireString } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { loadWeights } from '../model.ts'
import type { Network } from '../networks/network.ts'
import { readSafetensors } from '../safetensors.ts'

/** A case of a gradient check: a network with a batch, and what was computed for them elsewhere. */
export interface Reference {
  /** With the case's weights. */
  readonly network: Network
  /** Images and labels. */
  readonly batch: { readonly input: Float32Array; readonly target: Int32Array; readonly count: number }
  /** `[N, K]`, with batch statistics. */
  readonly logitsTrain: Float64Array
  /** `[N, K]`, with running statistics. */
  readonly logitsEval: Float64Array
  /** Mean loss of the batch, with batch statistics. */
  readonly lossTrain: Float64Array
  /** In the order of the layout's buffers. */
  readonly runningAfter: Float64Array
  /** Flat indices [Q] of the queried coordinates. */
  readonly coordinates: Uint32Array
  /** The true gradient, flat, of every parameter. */
  readonly gradient: Float64Array
  /** Finite differences [Q] by μ, as the file writes it: '0.005'. */
  readonly cge: ReadonlyMap<string, Float64Array>
}

/**
 * Reads PATH/CASE for a network; the name of either file stands for the case, too. Throws ERR_REFERENCE when a tensor
 * is missing or does not fit, ERR_MODEL, ERR_FILE.
 */
export async function readReference(
  given: string,
  shape: Pick<Network, 'spec' | 'layout'>,
): Promise<Reference> {
  const path = requireString('path', given).replace(/(\.expected)?\.safetensors$/, '')
  const network = await loadWeights(`${path}.safetensors`, shape)
  const file = `${path}.expected.safetensors`
  const { tensors, metadata } = await readSafetensors(file)
  const fail = (message: string): never => {
    throw new DeepZeroError('ERR_REFERENCE', `${file}: ${message}`)
  }
  const numbers = (name: string, length?: number): Float64Array => {
    const data = tensors.get(name)?.data ?? fail(`expected a tensor ${name}, found none`)
    if (length !== undefined && data.length !== length) {
      fail(`${name}: expected ${length} values, received ${data.length}`)
    }
    return Float64Array.from(data as ArrayLike<number | bigint>, Number)
  }

  const { layout, spec } = network
  const target = Int32Array.from(numbers('labels'))
  const count = target.length
  const image = spec.input.reduce((product, n) => product * n, 1)
  const input = Float32Array.from(numbers('input', count * image))

  const names = parameterNames(metadata.parameters, fail)
  const elements = numbers('cge/element_index')
  const parameters = numbers('cge/param_index', elements.length)
  const gradient = new Float64Array(layout.parameterCount)
  for (const { name, offset, size } of layout.parameters) gradient.set(numbers(`grad/${name}`, size), offset)
  const coordinates = Uint32Array.from(elements, (element, i) => {
    const name =
      names[parameters[i]!] ?? fail(`cge/param_index ${i}: expected an index into ${names.length} names`)
    const tensor =
      layout.parameters.find((info) => info.name === name) ?? fail(`${spec.name} has no parameter ${name}`)
    if (!(element >= 0 && element < tensor.size)) {
      fail(`cge/element_index ${i}: expected an element of ${name} below ${tensor.size}, received ${element}`)
    }
    return tensor.offset + element
  })
  const cge = new Map<string, Float64Array>()
  for (const name of tensors.keys()) {
    const mu = /^cge\/mu=(.+)$/.exec(name)?.[1]
    if (mu !== undefined) cge.set(mu, numbers(name, elements.length))
  }
  const runningAfter = new Float64Array(layout.bufferCount)
  for (const { name, offset, size } of layout.buffers) {
    runningAfter.set(numbers(`running_after/${name}`, size), offset)
  }
  return {
    network,
    batch: { input, target, count },
    logitsTrain: numbers('logits_train', count * layout.outputs),
    logitsEval: numbers('logits_eval', count * layout.outputs),
    lossTrain: numbers('loss_train', 1),
    runningAfter,
    coordinates,
    gradient,
    cge,
  }
}

function parameterNames(text: string | undefined, fail: (message: string) => never): string[] {
  try {
    const names = JSON.parse(text ?? 'null')
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names
  } catch {
    // Falls through to the refusal.
  }
  return fail('expected the metadata key parameters with a JSON list of names')
}
