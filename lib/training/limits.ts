/**
 * When a run ends: after its epochs, or after the step that reaches one of the limits in steps, queries or seconds.
 * Limits decide about no number before the end, so that a resumed run may have others.
 */
import type { Spent } from '../runs/checkpoint.ts'
import type { TrainSettings } from './options.ts'

/** Why a run ended. */
export type EndReason = 'epochs' | 'steps' | 'queries' | 'seconds'

export type Limits = Pick<TrainSettings, 'maxSteps' | 'maxQueries' | 'maxSeconds'>

/** The limit that a run has reached, or null; 0 is no limit. */
export function reachedLimit(
  { maxSteps, maxQueries, maxSeconds }: Limits,
  step: number,
  { queries, seconds }: Spent,
): EndReason | null {
  if (maxSteps > 0 && step >= maxSteps) return 'steps'
  if (maxQueries > 0 && queries >= maxQueries) return 'queries'
  if (maxSeconds > 0 && seconds >= maxSeconds) return 'seconds'
  return null
}

/** The step after which a run ends that makes `queriesPerStep` from step `step` on, unless its time is up before. */
export function lastStep(
  { maxSteps, maxQueries }: Limits,
  totalSteps: number,
  step: number,
  { queries }: Spent,
  queriesPerStep: number,
): number {
  const bySteps = maxSteps > 0 ? maxSteps : totalSteps
  const byQueries = maxQueries > 0 ? step + Math.ceil((maxQueries - queries) / queriesPerStep) : totalSteps
  return Math.max(step, Math.min(totalSteps, bySteps, byQueries))
}
