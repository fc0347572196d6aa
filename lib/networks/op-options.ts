/**
 * What the builder's ops are told: options with their defaults, and the rules that they are checked by. What depends on
 * shapes is checked by the engine.
 */
import { type Rule, requireInteger, rule } from '../check.ts'

/** Height and width, or one number for both. */
export type Pair = number | readonly [number, number]

/** Options of `conv2d`. */
export interface Conv2dOptions {
  /** Output channels. */
  readonly out: number
  /** Height and width of the kernel. */
  readonly kernel: Pair
  /** 1 by default. */
  readonly stride?: Pair | undefined
  /** 0 by default. */
  readonly padding?: Pair | undefined
  /** Off by default (batch norm follows as a rule). */
  readonly bias?: boolean | undefined
}

/** Options of `batchNorm2d`. */
export interface BatchNorm2dOptions {
  /** 1e-5 by default, as in PyTorch. */
  readonly eps?: number | undefined
  /** Weight of the newest statistics in the running ones; 0.1 by default, as in PyTorch. */
  readonly momentum?: number | undefined
}

/** Options of `leakyRelu`. */
export interface LeakyReluOptions {
  /** From 0 to 1; 0.01 by default, as in PyTorch. */
  readonly slope?: number | undefined
}

/** Options of `shortcutA`. */
export interface ShortcutAOptions {
  /** Output channels. */
  readonly out: number
  /** Every how many rows and columns are taken. */
  readonly stride: number
}

/** Options of `maxPool2d` and `avgPool2d`. */
export interface PoolOptions {
  /** Height and width of the window. */
  readonly kernel: Pair
  /** As the kernel by default. */
  readonly stride?: Pair | undefined
  /** 0 by default, at most half the kernel. */
  readonly padding?: Pair | undefined
}

/** Options of `upsample2d`. */
export interface Upsample2dOptions {
  /** 2 by default. */
  readonly scale?: number | undefined
}

/** Options of `linear`. */
export interface LinearOptions {
  /** Number of outputs. */
  readonly out: number
  /** On by default. */
  readonly bias?: boolean | undefined
}

/** Options by kind of op. */
export interface OpOptions {
  /** Convolution. */
  readonly conv2d: Conv2dOptions
  /** Batch norm. */
  readonly batchNorm2d: BatchNorm2dOptions
  /** Leaky ReLU. */
  readonly leakyRelu: LeakyReluOptions
  /** Shortcut without weights. */
  readonly shortcutA: ShortcutAOptions
  /** Largest value of each window. */
  readonly maxPool2d: PoolOptions
  /** Mean of each window. */
  readonly avgPool2d: PoolOptions
  /** Nearest neighbours. */
  readonly upsample2d: Upsample2dOptions
  /** Fully connected. */
  readonly linear: LinearOptions
}

/** A whole number of at least `min`, or two of them. */
const pair =
  (min: number): Rule =>
  (name, value) => {
    const sizes = Array.isArray(value) && value.length === 2 ? value : [value]
    for (const size of sizes) requireInteger(name, size, { min })
  }
const size = rule.integer({ min: 1 })
const pool = { kernel: pair(1), stride: pair(1), padding: pair(0) }

export const opOptions: { readonly [Kind in keyof OpOptions]: Readonly<Record<string, Rule>> } = {
  conv2d: { out: size, kernel: pair(1), stride: pair(1), padding: pair(0), bias: rule.boolean() },
  batchNorm2d: { eps: rule.number({ above: 0 }), momentum: rule.number({ min: 0, max: 1 }) },
  leakyRelu: { slope: rule.number({ min: 0, max: 1 }) },
  shortcutA: { out: size, stride: size },
  maxPool2d: pool,
  avgPool2d: pool,
  upsample2d: { scale: size },
  linear: { out: size, bias: rule.boolean() },
}
