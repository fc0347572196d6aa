/**
 * Mask files: a fixed coordinate set as safetensors. One U8 tensor per weight of a convolution or linear layer, with
 * its name and shape: 1 where the weight is in the set, 0 elsewhere. All other parameters are always in a set, so the
 * file does not hold them. Metadata: `format` deepzero-mask/1 and `network`, the network's name.
 */
import { refusal, requireInstance } from '../check.ts'
import { chosen } from '../coordinates.ts'
import { DeepZeroError } from '../errors.ts'
import type { Network } from '../networks/network.ts'
import { writeOutput } from '../output-file.ts'
import { encodeSafetensors, readSafetensors, safetensorsOf, type Tensor } from '../safetensors.ts'
import { layerWeights } from './ratios.ts'

export const MASK_FORMAT = 'deepzero-mask/1'

export const maskFile = safetensorsOf('a mask', MASK_FORMAT)

type Named = Pick<Network, 'spec' | 'layout'>

/**
 * Writes a coordinate set whole or not at all, and makes its folder. Throws ERR_FILE, or ERR_INVALID_ARGUMENT for a set that
 * leaves out a batch-norm parameter or a bias, and where another kind of file is there.
 */
export async function writeMask(path: string, { spec, layout }: Named, set: Uint32Array): Promise<void> {
  requireInstance('set', set, Uint32Array)
  const marks = new Uint8Array(layout.parameterCount)
  for (const i of set) {
    if (i >= marks.length) throw refusal('set', `indices below ${marks.length}`, i)
    marks[i] = 1
  }
  const weights = new Set(layerWeights(layout))
  const tensors: [string, Tensor][] = []
  for (const tensor of layout.parameters) {
    const { name, shape, offset, size } = tensor
    const data = marks.subarray(offset, offset + size)
    if (weights.has(tensor)) tensors.push([name, { dtype: 'U8', shape, data }])
    else if (data.includes(0))
      throw new DeepZeroError(
        'ERR_INVALID_ARGUMENT',
        `set: expected all batch-norm parameters and biases in it, received one without element ${data.indexOf(0)} of ${name}`,
      )
  }
  await writeOutput(path, maskFile, encodeSafetensors(tensors, { format: MASK_FORMAT, network: spec.name }))
}

/** Reads a coordinate set of `network`. Throws ERR_FILE, or ERR_MODEL when it is no mask or one of another network. */
export async function readMask(path: string, { spec, layout }: Named): Promise<Uint32Array> {
  const { tensors, metadata } = await readSafetensors(path)
  const fail = (expected: string, received: string): never => {
    throw new DeepZeroError('ERR_MODEL', `${path}: expected ${expected}, received ${received}`)
  }
  if (metadata.format !== MASK_FORMAT)
    fail(`a file of format ${MASK_FORMAT}`, metadata.format ?? 'one without a format')
  if (metadata.network !== spec.name)
    fail(`a mask of ${spec.name}, the network in use`, `one of ${metadata.network}`)
  const weights = layerWeights(layout)
  const strange = [...tensors.keys()].find((name) => !weights.some((weight) => weight.name === name))
  if (strange !== undefined) fail(`weights of the layers of ${spec.name}`, strange)
  return chosen(layout, ({ name, shape, offset }) => {
    const { dtype, shape: found, data } = tensors.get(name) ?? fail(`a tensor ${name}`, 'none')
    if (dtype !== 'U8' || found.join() !== shape.join())
      fail(`${name} as U8 [${shape.join(', ')}]`, `${dtype} [${found.join(', ')}]`)
    const kept: number[] = []
    ;(data as Uint8Array).forEach((mark, i) => {
      if (mark > 1) fail(`0 or 1 in ${name}`, `${mark} at element ${i}`)
      if (mark === 1) kept.push(offset + i)
    })
    return Uint32Array.from(kept)
  })
}
