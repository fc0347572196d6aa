/**
 * Which coordinates of θ an estimate is about: those of `coordinates` that lie in `blocks`; all of either when only one
 * is given, all of θ without both. Blocks also are the tensors of the directions 'tensor'.
 */
import { refusal, requireInteger, requireObject } from '../check.ts'
import { DeepZeroError } from '../errors.ts'

/** A stretch of the flat θ. The parameters of a network's layout are blocks too. */
export interface Block {
  /** Index of its first coordinate. */
  readonly offset: number
  /** Number of its coordinates. */
  readonly size: number
}

export interface ActiveSet {
  /** Ascending, without duplicates. */
  readonly indices: Uint32Array
  /** The part of block b is `indices[bounds[b] … bounds[b + 1] − 1]`, in order of the offsets. One block without blocks. */
  readonly bounds: Uint32Array
}

/** θ of `length` values cut into blocks of `size`, the last one possibly shorter: to estimate some of them at a time. */
export function blocksOf(length: number, size: number): Block[] {
  requireInteger('length', length, { min: 1 })
  requireInteger('size', size, { min: 1 })
  return Array.from({ length: Math.ceil(length / size) }, (_, b) => ({
    offset: b * size,
    size: Math.min(size, length - b * size),
  }))
}

/** Throws ERR_INVALID_ARGUMENT for indices or blocks outside θ, duplicates, overlaps, and a set that is empty. */
export function activeSet(length: number, coordinates: unknown, blocks: unknown): ActiveSet {
  const chosen = coordinates === undefined ? undefined : sortedCoordinates(length, coordinates)
  const parts = blocks === undefined ? [{ offset: 0, size: length }] : sortedBlocks(length, blocks)
  const indices = new Uint32Array(chosen ? chosen.length : parts.reduce((count, { size }) => count + size, 0))
  const bounds = new Uint32Array(parts.length + 1)
  let count = 0
  let next = 0
  parts.forEach(({ offset, size }, b) => {
    const end = offset + size
    if (chosen) {
      while (next < chosen.length && chosen[next]! < offset) ++next
      while (next < chosen.length && chosen[next]! < end) indices[count++] = chosen[next++]!
    } else {
      for (let i = offset; i < end; ++i) indices[count++] = i
    }
    bounds[b + 1] = count
  })
  if (count === 0) {
    const where = blocks === undefined ? 'at least one index' : 'at least one index inside options.blocks'
    throw refusal('options.coordinates', where, coordinates)
  }
  return { indices: indices.slice(0, count), bounds }
}

function sortedCoordinates(length: number, given: unknown): Uint32Array {
  if (!(given instanceof Uint32Array) && !Array.isArray(given)) {
    throw refusal('options.coordinates', 'a Uint32Array or an array of numbers', given)
  }
  for (let k = 0; k < given.length; ++k) {
    requireInteger(`options.coordinates[${k}]`, given[k], { min: 0, max: length - 1 })
  }
  const sorted = Uint32Array.from(given as readonly number[]).sort()
  for (let k = 1; k < sorted.length; ++k) {
    if (sorted[k] === sorted[k - 1]) {
      throw new DeepZeroError(
        'ERR_INVALID_ARGUMENT',
        `options.coordinates: expected every index once, received ${sorted[k]} twice`,
      )
    }
  }
  return sorted
}

function sortedBlocks(length: number, given: unknown): Block[] {
  if (!Array.isArray(given) || given.length === 0) {
    throw refusal('options.blocks', 'an array of { offset, size } that is not empty', given)
  }
  const blocks = given.map((block: unknown, b) => {
    const name = `options.blocks[${b}]`
    const { offset, size } = requireObject(name, block)
    const first = requireInteger(`${name}.offset`, offset, { min: 0, max: length - 1 })
    return { offset: first, size: requireInteger(`${name}.size`, size, { min: 1, max: length - first }) }
  })
  blocks.sort((a, b) => a.offset - b.offset)
  for (let b = 1; b < blocks.length; ++b) {
    const { offset, size } = blocks[b - 1]!
    const next = blocks[b]!.offset
    if (next < offset + size) {
      throw new DeepZeroError(
        'ERR_INVALID_ARGUMENT',
        `options.blocks: expected blocks that do not overlap, received two that hold index ${next}`,
      )
    }
  }
  return blocks
}
