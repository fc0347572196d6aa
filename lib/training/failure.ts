/** Errors of the engine as errors of training: what stopped the run, and at which step. */
import { DeepZeroError } from '../errors.ts'
import { isHeadFault } from '../estimators/black-box-head.ts'
import type { TrainSettings } from './options.ts'

/** ERR_ABORTED, for a run whose last whole step is `step`. */
export const stopped = (step: number, cause?: unknown): DeepZeroError =>
  new DeepZeroError('ERR_ABORTED', `training was stopped after step ${step}`, { cause })

/**
 * Whether the weights are to blame for an error: something is not finite that the engine computed, or an estimate. A batch never
 * is (`data/assemble.ts` refuses it), and a value of a head is the head's fault.
 */
export const isDivergence = (error: unknown): error is DeepZeroError =>
  error instanceof DeepZeroError && error.code === 'ERR_NOT_FINITE' && !isHeadFault(error)

/**
 * ERR_DIVERGED.
 * @param what what is not finite, and how the engine said it
 * @param step steps done of `totalSteps`
 * @param checkpoint the last good one, or null without a run directory
 * @param damage what is wrong with that checkpoint, if anything
 */
export function diverged(
  what: string,
  step: number,
  totalSteps: number,
  { lr, mu }: Pick<TrainSettings, 'lr' | 'mu'>,
  checkpoint: string | null,
  damage?: unknown,
): DeepZeroError {
  const remedy = `try a lower learning rate than ${lr}${mu === 'lr' ? '' : `, or another mu than ${mu}`}`
  const good =
    damage !== undefined
      ? `; the checkpoint to go back to is no good either (${(damage as Error).message})`
      : checkpoint === null
        ? ''
        : `; the last good checkpoint is ${checkpoint}`
  return new DeepZeroError(
    'ERR_DIVERGED',
    `training stopped at step ${step + 1} of ${totalSteps}: ${what}; ${remedy}${good}`,
    damage === undefined ? {} : { cause: damage },
  )
}
