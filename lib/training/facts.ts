/**
 * What a reader of a run wants to know beside its options: sizes, class names, and the machine that computed last. They are
 * kept in `config.json` and decide nothing.
 */
import { cpus } from 'node:os'
import type { Splits } from '../data/dataset.ts'
import { stepsPerEpoch } from '../data/epoch.ts'
import type { NativeDevice, NetworkLayout } from '../native.ts'
import type { CoordinateSource } from './coordinate-source.ts'

/** Their keys in `config.json`. A resumed run records the machine anew. */
export const factKeys = ['sizes', 'classes', 'machine'] as const

export interface Facts extends Record<(typeof factKeys)[number], unknown> {
  readonly sizes: {
    readonly parameters: number
    /** Of the first step. */
    readonly coordinates: number
    readonly trainImages: number
    readonly testImages: number
    readonly stepsPerEpoch: number
  }
  readonly classes: readonly string[]
  readonly machine: {
    readonly device: string
    readonly isa: string
    readonly threads: number
    readonly processor: string
    readonly platform: string
    readonly node: string
  }
}

export const factsOf = (
  layout: NetworkLayout,
  { train, test, classes }: Splits,
  batchSize: number,
  coordinateSource: CoordinateSource,
  { device, isa, threads }: NativeDevice,
): Facts => ({
  sizes: {
    parameters: layout.parameterCount,
    coordinates: coordinateSource.coordinates(0).length,
    trainImages: train.count,
    testImages: test.count,
    stepsPerEpoch: stepsPerEpoch(train, batchSize),
  },
  classes,
  machine: {
    ...{ device, isa, threads },
    processor: cpus()[0]?.model ?? 'unknown',
    platform: `${process.platform}-${process.arch}`,
    node: process.version,
  },
})
