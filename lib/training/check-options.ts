/** Which options of training go together. */
import { list, refusal, show } from '../check.ts'
import { refuseUnread } from './option-table.ts'
import { activeSetNames, type TrainSettings, trainingOptions } from './options.ts'

/** Options of training that fit each other: throws ERR_INVALID_ARGUMENT where they contradict. */
export function checkTraining(settings: TrainSettings, label: (name: string) => string): TrainSettings {
  checkActiveSet(settings, label)
  refuseUnread(trainingOptions, settings, label)
  const { epochs, warmupEpochs, schedule, milestones, mu, muSchedule, resume, run } = settings
  if (warmupEpochs > epochs) {
    throw refusal(label('warmupEpochs'), `at most the ${epochs} epochs of the run`, warmupEpochs)
  }
  if (schedule === 'step' && milestones.length === 0) {
    throw refusal(label('milestones'), 'at least one epoch for the step schedule', milestones)
  }
  if (mu === 'lr' && muSchedule !== 'constant') {
    throw refusal(
      label('muSchedule'),
      `'constant', as ${label('mu')} 'lr' follows the learning rate`,
      muSchedule,
    )
  }
  refusePenalty(settings, label)
  if (resume && run === null) throw refusal(label('run'), 'the run directory to resume', run)
  return settings
}

/**
 * Optimisers that normalise their step give a weight without an estimate, whose gradient is the penalty λ·θ alone, a
 * step of about the learning rate towards 0: never what a sparse estimate is meant to do.
 */
function refusePenalty(settings: TrainSettings, label: (name: string) => string): void {
  const { optimizer, sparseWeights, weightDecay, decoupledWeightDecay, updates } = settings
  if (optimizer === 'sgd' || sparseWeights || activeSetOptions(settings).length === 0) return
  if (weightDecay === 0 || decoupledWeightDecay || updates === 'active') return
  const ways = [
    `${label('decoupledWeightDecay')}`,
    `${label('weightDecay')} 0`,
    `${label('updates')} 'active'`,
  ]
  throw refusal(
    label('optimizer'),
    `${list(ways)} beside ${show(optimizer)} and a sparse estimate: coupled weight decay would move each weight that is not ` +
      'queried by about the whole learning rate',
    optimizer,
  )
}

type ActiveSetSettings = Pick<TrainSettings, (typeof activeSetNames)[number]>

/** What says which weights are queried. */
const activeSetOptions = (settings: ActiveSetSettings) =>
  activeSetNames.filter((name) => settings[name] !== trainingOptions[name].default)

/** One thing says which weights are queried: a sparsity, ratios or a mask. */
export function checkActiveSet(settings: ActiveSetSettings, label: (name: string) => string): void {
  const [first, second] = activeSetOptions(settings)
  if (first !== undefined && second !== undefined) {
    throw refusal(
      label(second),
      `no ${second} beside ${label(first)}: choose one, and leave the other at its default`,
      settings[second],
    )
  }
}
