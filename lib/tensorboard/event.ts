/**
 * The messages of an event file, as tensorboard/compat/proto/{event,summary}.proto number their fields:
 *
 *     Event           wall_time = 1 (double), step = 2, file_version = 3, summary = 5, session_log = 7
 *     Summary         value = 1, each of: tag = 1, simple_value = 2 (float), histo = 5
 *     HistogramProto  min = 1, max = 2, num = 3, sum = 4, sum_squares = 5 (doubles), bucket_limit = 6, bucket = 7 (packed)
 *     SessionLog      status = 1, where 1 is START
 */
import { concatenate, double, doubles, type Fields, float, integer, message, text } from '../protobuf.ts'

/** One named value of a step: a number, or a histogram. */
export interface SummaryValue {
  readonly tag: string
  readonly value: number | Histogram
}

export interface Histogram {
  readonly min: number
  readonly max: number
  readonly count: number
  readonly sum: number
  readonly sumOfSquares: number
  /** Upper bound and count of each bucket, by rising bounds; the first begins at `min`. */
  readonly buckets: readonly (readonly [limit: number, count: number])[]
}

const event = (seconds: number, step: number, what: Fields): Uint8Array =>
  concatenate([double(1, seconds), integer(2, step), what])

/** The first event of every file: what the others are. */
export const versionEvent = (seconds: number): Uint8Array => event(seconds, 0, text(3, 'brain.Event:2'))

/** Tells a reader to forget what it has read of `step` and of all steps after it. */
export const startEvent = (seconds: number, step: number): Uint8Array =>
  event(seconds, step, message(7, [integer(1, 1)]))

export const summaryEvent = (seconds: number, step: number, values: readonly SummaryValue[]): Uint8Array =>
  event(
    seconds,
    step,
    message(
      5,
      values.map(({ tag, value }) =>
        message(1, [
          text(1, tag),
          typeof value === 'number' ? float(2, value) : message(5, histogramFields(value)),
        ]),
      ),
    ),
  )

const histogramFields = ({ min, max, count, sum, sumOfSquares, buckets }: Histogram): Fields[] => [
  double(1, min),
  double(2, max),
  double(3, count),
  double(4, sum),
  double(5, sumOfSquares),
  doubles(
    6,
    buckets.map(([limit]) => limit),
  ),
  doubles(
    7,
    buckets.map(([, n]) => n),
  ),
]
