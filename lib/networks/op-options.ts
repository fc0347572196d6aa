/**
 * What the builder's ops are told: options with their defaults, and the rules that they are checked by. What depends on
 * shapes is checked by the engine.
 */
import { type Rule, requireInteger, rule } from '../check.ts'

/** Height and width, or one number for both. */
export type Pair = number | readonly [number, number]

export interface Conv2dOptions {
  readonly out: number
  readonly kernel: Pair
  /** 1 by default. */
  readonly stride?: Pair
  /** 0 by default. */
  readonly padding?: Pair
  /** Off by default (batch norm follows as a rule). */
  readonly bias?: boolean
}

export interface BatchNorm2dOptions {
  /** 1e-5 by default, as in PyTorch. */
  readonly eps?: number
  /** Weight of the newest statistics in the running ones; 0.1 by default, as in PyTorch. */
  readonly momentum?: number
}

export interface LeakyReluOptions {
  /** From 0 to 1; 0.01 by default, as in PyTorch. */
  readonly slope?: number
}

export interface ShortcutAOptions {
  readonly out: number
  readonly stride: number
}

export interface PoolOptions {
  readonly kernel: Pair
  /** As the kernel by default. */
  readonly stride?: Pair
  /** 0 by default, at most half the kernel. */
  readonly padding?: Pair
}

export interface Upsample2dOptions {
  /** 2 by default. */
  readonly scale?: number
}

export interface LinearOptions {
  readonly out: number
  /** On by default. */
  readonly bias?: boolean
}

/** Options by kind of op. */
export interface OpOptions {
  readonly conv2d: Conv2dOptions
  readonly batchNorm2d: BatchNorm2dOptions
  readonly leakyRelu: LeakyReluOptions
  readonly shortcutA: ShortcutAOptions
  readonly maxPool2d: PoolOptions
  readonly avgPool2d: PoolOptions
  readonly upsample2d: Upsample2dOptions
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
