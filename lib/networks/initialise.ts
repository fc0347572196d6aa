/**
 * Initial weights. Convolution and linear weights: Kaiming-normal (He et al., "Delving deep into rectifiers", 2015),
 * deviation √(2 / fan_in) with fan_in = shape[1] · shape[2] · …; biases 0; batch-norm weights 1. Parameter i of the
 * layout reads purpose initialisation, stream i: the seed alone decides, whatever else is drawn before or after.
 */
import type { NetworkLayout, TensorInfo } from '../native.ts'
import { Purpose, randomNormal } from '../random.ts'

/** Whether a parameter is the weight of a convolution or linear layer: what pruning may thin out. */
export const isLayerWeight = ({ role, kind }: TensorInfo): boolean =>
  role === 'weight' && kind !== 'batchNorm2d'

/** [layout.parameterCount] */
export function initialParameters(layout: NetworkLayout, seed: number): Float32Array {
  const out = new Float32Array(layout.parameterCount)
  layout.parameters.forEach((tensor, stream) => {
    const values = out.subarray(tensor.offset, tensor.offset + tensor.size)
    if (!isLayerWeight(tensor)) {
      values.fill(tensor.role === 'weight' ? 1 : 0)
      return
    }
    randomNormal({ seed, purpose: Purpose.initialisation, stream }, values)
    const deviation = Math.sqrt(2 / (tensor.size / (tensor.shape[0] as number)))
    for (let i = 0; i < values.length; ++i) values[i] = (values[i] as number) * deviation
  })
  return out
}

/** [layout.bufferCount]: running means 0, running variances 1. */
export function initialBuffers(layout: NetworkLayout): Float32Array {
  const out = new Float32Array(layout.bufferCount)
  for (const { role, offset, size } of layout.buffers)
    out.fill(role === 'running_var' ? 1 : 0, offset, offset + size)
  return out
}
