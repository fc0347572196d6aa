/**
 * A line of `metrics.jsonl` as the values that TensorBoard shows. Tags before the slash are its groups: `batch/…` of each
 * step, `epoch/…` of each epoch, `estimate/LAYER` the histograms of estimates. The step is that of the line.
 */
import { histogramBounds, type LayerStatistics } from '../training/estimate-statistics.ts'
import type { EpochEvent, EstimatesEvent, StepEvent } from '../training/events.ts'
import type { Histogram, SummaryValue } from './event.ts'

export type MetricsLine = StepEvent | EstimatesEvent | EpochEvent

/** Numbers of a line by tag; what is not finite (an accuracy where there are no classes) is left out. */
const scalars = (values: Readonly<Record<string, number | null>>): SummaryValue[] =>
  Object.entries(values).flatMap(([tag, value]) =>
    value !== null && Number.isFinite(value) ? [{ tag, value }] : [],
  )

/** From the first bucket that holds something to the last; beyond the largest magnitude there is nothing. */
function histogramOf({ coordinates, mean, rms, max, histogram }: LayerStatistics): Histogram {
  const within = (bound: number): number => Math.min(max, Math.max(-max, bound))
  const first = histogram.findIndex((count) => count > 0)
  const last = histogram.findLastIndex((count) => count > 0)
  const limits = histogramBounds.slice(1).concat(Infinity).map(within)
  return {
    min: within(histogramBounds[first]!),
    max: limits[last]!,
    count: coordinates,
    sum: coordinates * mean,
    sumOfSquares: coordinates * rms * rms,
    buckets: histogram.slice(first, last + 1).map((count, i) => [limits[first + i]!, count]),
  }
}

export function summariesOf(line: MetricsLine): SummaryValue[] {
  switch (line.type) {
    case 'step':
      return scalars({
        'batch/loss': line.loss,
        'batch/accuracy': line.accuracy,
        'batch/learning_rate': line.lr,
        'batch/mu': line.mu,
        'batch/gradient_norm': line.gradientNorm,
        'batch/queries_per_second': line.queriesPerSecond,
      })
    case 'epoch':
      return scalars({
        'epoch/train_loss': line.trainLoss,
        'epoch/train_accuracy': line.trainAccuracy,
        'epoch/test_loss': line.testLoss,
        'epoch/test_accuracy': line.testAccuracy,
      })
    case 'estimates':
      return line.layers
        .filter(({ coordinates }) => coordinates > 0)
        .map((layer) => ({ tag: `estimate/${layer.name}`, value: histogramOf(layer) }))
  }
}
