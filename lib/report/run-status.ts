/**
 * How a run stands: done, running, silent (its process is there, but writes nothing), gone (killed: its lock is left
 * without a process), stopped (ended before its last epoch, in order), or unknown. Told from the lock, the limits in
 * config.json and how old the last line of metrics.jsonl is.
 */
import { clipped, duration } from './format.ts'
import { numberOf, type Records } from './records.ts'

export type StatusKind = 'done' | 'running' | 'silent' | 'gone' | 'stopped' | 'unknown'

export interface Status {
  readonly kind: StatusKind
  /** A sentence without its full stop. */
  readonly text: string
}

export interface Signs {
  readonly config: Readonly<Record<string, unknown>> | null
  readonly records: Records
  /** Whole epochs and training seconds that the last checkpoint counts; NaN without one. */
  readonly epochsDone: number
  readonly secondsDone: number
  readonly holder: { readonly name: string; readonly alive: boolean | null } | null
  /** Milliseconds: when metrics.jsonl was last written to, NaN without it, and the time of asking. */
  readonly changed: number
  readonly now: number
}

/** Shortest silence, in seconds, that is worth a word; and of how many usual pauses, where those are longer. */
const LEAST_SILENCE = 60
const PAUSES = 10

/** Why the run is at its end, or null when it is not. */
function endOf({ config, records, epochsDone, secondsDone }: Signs): string | null {
  const limit = (name: string): number => numberOf(config?.[name])
  const steps = records.steps.at(-1)?.step ?? 0
  const queries = records.steps.reduce((sum, step) => sum + (step.queries || 0), 0)
  const seconds = secondsDone || records.steps.reduce((sum, step) => sum + (step.seconds || 0), 0)
  const epochs = Math.max(epochsDone || 0, records.epochs.at(-1)?.epoch || 0)
  const reached = (name: string, value: number): boolean => limit(name) > 0 && value >= limit(name)
  if (reached('epochs', epochs)) return `all ${epochs} epochs are done`
  if (reached('maxSteps', steps)) return 'the limit of steps is reached'
  if (reached('maxQueries', queries)) return 'the limit of queries is reached'
  if (reached('maxSeconds', seconds)) return 'the limit of time is reached'
  return null
}

/** Seconds without a line after which a run counts as silent: ten of its longest recent steps or evaluations. */
export function silenceOf({ steps, epochs }: Records): number {
  const recent = steps.slice(-50).map(({ seconds }) => seconds || 0)
  const last = epochs.at(-1)
  const inEpoch = last
    ? steps.filter(({ epoch }) => epoch === last.epoch).reduce((sum, { seconds }) => sum + (seconds || 0), 0)
    : 0
  const evaluation = Math.max(0, (last?.seconds || 0) - inEpoch)
  return Math.max(LEAST_SILENCE, PAUSES * Math.max(evaluation, ...recent))
}

export function statusOf(signs: Signs): Status {
  const { config, records, holder, changed, now } = signs
  const end = endOf(signs)
  const who = holder && clipped(holder.name, 80)
  if (holder && holder.alive !== false) {
    const silent = (now - changed) / 1000
    if (silent > silenceOf(records)) {
      return {
        kind: 'silent',
        text:
          `no new line for ${duration(silent)}, though ${who} holds the run` +
          `${holder.alive === null ? ' (whether it is still there cannot be told from here)' : '; it may be stopped, or wait for the disk'}`,
      }
    }
    return { kind: 'running', text: `${who} works on it` }
  }
  if (end !== null) return { kind: 'done', text: end }
  if (holder) {
    return {
      kind: 'gone',
      text: `${who} is gone without an end: it was killed, or the machine went down; deepzero train --resume goes on from the last checkpoint`,
    }
  }
  if (config === null || records.lines === 0) {
    return { kind: 'unknown', text: 'whether it is at its end cannot be told from what is there' }
  }
  const loss = records.steps.at(-1)?.loss
  if (loss !== undefined && Number.isNaN(loss))
    return { kind: 'stopped', text: 'the last loss is not a finite number: the run diverged' }
  return {
    kind: 'stopped',
    text: 'it ended before its last epoch; deepzero train --resume goes on from the last checkpoint',
  }
}
