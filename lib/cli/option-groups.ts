/** Headings that help puts the options of long commands under, and which options those are; the others stand in front. */
const groups: Readonly<Record<string, readonly string[]>> = {
  'Network and data:': [
    ...['network', 'weights', 'data', 'trainImages', 'testImages', 'labels', 'imageSize', 'imageChannels'],
    ...['dataCache', 'batchSize', 'augment', 'imagesPerClass'],
  ],
  'Estimates:': [
    ...['estimator', 'queries', 'directions', 'mu', 'muSchedule', 'muEnd', 'scheme', 'statistics'],
    'labelSmoothing',
  ],
  'Which weights are queried:': [
    ...['prune', 'sparsity', 'ratios', 'mask', 'sparseWeights', 'refreshEpochs', 'refreshSteps'],
  ],
  'Optimizer:': [
    ...['optimizer', 'lr', 'momentum', 'nesterov', 'beta1', 'beta2', 'epsilon', 'weightDecay'],
    ...['decoupledWeightDecay', 'updates', 'clipNorm', 'clipValue'],
  ],
  'Schedule and end:': [
    ...['epochs', 'maxSteps', 'maxQueries', 'maxSeconds', 'schedule', 'warmupEpochs', 'milestones', 'gamma'],
    ...['oneCycleRise', 'oneCycleDivisor', 'oneCycleFinalDivisor'],
  ],
  'Run directory:': [
    ...['run', 'resume', 'force', 'checkpointEverySteps', 'keepCheckpoints', 'estimatesEverySteps'],
    'tensorboard',
  ],
  'Computing:': [
    ...['seed', 'method', 'evaluateBatchSize', 'device', 'devices', 'threads', 'memory', 'precision'],
  ],
}

/** Commands with fewer options have no groups. */
export const LEAST_GROUPED = 15

/** The heading of an option; undefined where it has none. */
export const groupOf = (name: string): string | undefined =>
  Object.entries(groups).find(([, names]) => names.includes(name))?.[0]
