/**
 * An ONNX graph under construction: nodes and constant tensors, with names that occur once. Values are images
 * [N, C, H, W], but behind a linear layer [N, K]; `image` and `flat` change between the two where an op needs it.
 */
import type { OnnxAttribute, OnnxNode, OnnxTensor } from './proto.ts'

/** A value of the graph, and whether it is an image or flat. */
export interface GraphValue {
  readonly name: string
  readonly rank: 4 | 2
}

export class Graph {
  readonly nodes: OnnxNode[] = []
  readonly tensors: OnnxTensor[] = []
  readonly #names: Set<string>

  /** @param taken names that are kept for values and tensors to come */
  constructor(taken: Iterable<string>) {
    this.#names = new Set(taken)
  }

  /** The name, or one like it that is still free. */
  unique(name: string): string {
    let free = name
    for (let i = 2; this.#names.has(free); i++) free = `${name}_${i}`
    this.#names.add(free)
    return free
  }

  /** Adds a node; gives the name of its output, `output` unless that name is taken. */
  add(
    op: string,
    output: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, OnnxAttribute>> = {},
  ): string {
    const name = this.unique(output)
    this.nodes.push({ op, name, inputs, output: name, attributes })
    return name
  }

  /** Adds a constant; gives its name. */
  constant(name: string, shape: readonly number[], data: readonly number[] | Float32Array): string {
    const free = this.unique(name)
    this.tensors.push({ name: free, shape, data: Float32Array.from(data) })
    return free
  }

  /** Adds a list of whole numbers; gives its name. */
  integers(name: string, values: readonly number[]): string {
    const free = this.unique(name)
    this.tensors.push({ name: free, shape: [values.length], data: BigInt64Array.from(values, BigInt) })
    return free
  }

  image({ name, rank }: GraphValue): string {
    if (rank === 4) return name
    return this.add('Unsqueeze', `${name}/image`, [name, this.integers(`${name}/axes`, [2, 3])])
  }

  flat({ name, rank }: GraphValue): string {
    return rank === 2 ? name : this.add('Flatten', `${name}/flat`, [name], { axis: { int: 1 } })
  }
}
