/**
 * Lines of `metrics.jsonl` as a report takes them: `step`, `epoch` and `estimates` records. Nothing is trusted: a number
 * that is missing or of another type is NaN; a line without a type and a step, or whose step goes back, is damaged.
 */
import { isObject } from '../check.ts'
import type { LayerStatistics } from '../training/estimate-statistics.ts'
import type { EpochEvent, EstimatesEvent, StepEvent } from '../training/events.ts'

const STEP = ['epoch', 'step', 'loss', 'accuracy', 'lr', 'mu', 'gradientNorm', 'queries', 'seconds'] as const
const EPOCH = [
  ...(['epoch', 'step', 'trainLoss', 'trainAccuracy', 'testLoss', 'testAccuracy'] as const),
  ...(['lr', 'queries', 'seconds'] as const),
] as const
const LAYER = ['coordinates', 'rms', 'max'] as const

export type StepRecord = Pick<StepEvent, (typeof STEP)[number]>
export type EpochRecord = Pick<EpochEvent, (typeof EPOCH)[number]>
export type LayerEstimates = Pick<LayerStatistics, (typeof LAYER)[number] | 'name' | 'histogram'>

export interface EstimatesRecord extends Pick<EstimatesEvent, 'epoch' | 'step'> {
  readonly layers: readonly LayerEstimates[]
}

export interface Records {
  readonly steps: StepRecord[]
  readonly epochs: EpochRecord[]
  readonly estimates: EstimatesRecord[]
  /** Lines that could not be used: how many, and which came first (from 1) with the reason. */
  damaged: number
  firstDamaged: { readonly line: number; readonly why: string } | null
  /** Lines so far. */
  lines: number
}

export const noRecords = (): Records => ({
  steps: [],
  epochs: [],
  estimates: [],
  damaged: 0,
  firstDamaged: null,
  lines: 0,
})

type Fields = Readonly<Record<string, unknown>>

/** NaN for anything but a finite number. */
export const numberOf = (value: unknown): number =>
  typeof value === 'number' && Number.isFinite(value) ? value : Number.NaN

const numbersOf = <K extends string>(fields: Fields, keys: readonly K[]): Record<K, number> =>
  Object.fromEntries(keys.map((key) => [key, numberOf(fields[key])])) as Record<K, number>

function layersOf(value: unknown): LayerEstimates[] {
  if (!Array.isArray(value)) return []
  return value.filter(isObject).map((layer) => ({
    name: String(layer.name ?? ''),
    ...numbersOf(layer, LAYER),
    histogram: Array.isArray(layer.histogram) ? layer.histogram.map(numberOf) : [],
  }))
}

/** Adds what a line says. */
export function addLine(records: Records, line: string): void {
  records.lines += 1
  if (line.trim() === '') return
  const why = fault(records, line)
  if (why === null) return
  records.damaged += 1
  records.firstDamaged ??= { line: records.lines, why }
}

/** Counts a line that is too long to be looked at. */
export function addOverlong(records: Records): void {
  records.lines += 1
  records.damaged += 1
  records.firstDamaged ??= { line: records.lines, why: 'it is too long' }
}

/** Adds the record, or says why not. */
function fault(records: Records, line: string): string | null {
  let fields: unknown
  try {
    fields = JSON.parse(line)
  } catch {
    return 'it is no JSON'
  }
  if (!isObject(fields)) return 'it is no object'
  const step = numberOf(fields.step)
  if (!(Number.isSafeInteger(step) && step > 0)) return 'it has no step'
  const add = <T extends { readonly step: number }>(list: T[], record: T): string | null => {
    if (step <= (list.at(-1)?.step ?? 0)) return `its step ${step} comes after step ${list.at(-1)?.step}`
    list.push(record)
    return null
  }
  switch (fields.type) {
    case 'step':
      return add(records.steps, numbersOf(fields, STEP))
    case 'epoch':
      return add(records.epochs, numbersOf(fields, EPOCH))
    case 'estimates': {
      const layers = layersOf(fields.layers)
      return layers.length === 0
        ? 'it has no layers'
        : add(records.estimates, { ...numbersOf(fields, ['epoch', 'step']), layers })
    }
    default:
      // Kinds that a later version may add.
      return typeof fields.type === 'string' ? null : 'it has no type'
  }
}
