/** `deepzero eval`: loss and accuracy of a weights file on the test split. */
import { DeepZeroError } from '../errors.ts'
import { percent } from '../report/format.ts'
import { createSession } from '../session.ts'
import { evaluate } from '../training/evaluate.ts'
import { type OptionTable, omitOptions, trainingOptions, type Values } from '../training/options.ts'
import { dataOptions, openModel, sourceOptions } from '../training/source.ts'
import { Exit } from './exit.ts'
import { onInterrupt } from './interrupt.ts'
import { jsonOption } from './json-option.ts'
import { openNamedData } from './open-data.ts'
import { errorProgress } from './progress.ts'

export const evaluateTable = {
  network: {
    ...sourceOptions.network,
    description: `${sourceOptions.network.description}; a model file of a run names its own`,
  },
  weights: { ...sourceOptions.weights, description: 'Weights: a safetensors file with PyTorch names' },
  ...omitOptions({ trainImages: dataOptions.trainImages }, dataOptions),
  batchSize: { ...trainingOptions.evaluateBatchSize, description: 'Images per call' },
  device: trainingOptions.device,
  devices: trainingOptions.devices,
  threads: trainingOptions.threads,
  json: jsonOption,
} as const satisfies OptionTable

export async function runEvaluate(settings: Values<typeof evaluateTable>): Promise<number> {
  const { weights, network: name, batchSize, device, devices, threads, json } = settings
  if (weights === null) {
    throw new DeepZeroError('ERR_INVALID_ARGUMENT', '--weights: expected a safetensors file, received none')
  }
  const data = await openNamedData({ ...settings, trainImages: 0 }, json)
  const { network, normalisation } = await openModel({ network: name, weights }, data, 0)
  const test = { ...data.test, ...normalisation }
  const normalisedBy = normalisation === null ? 'data' : 'weights'
  const session = createSession(network, { device, devices, threads })
  const interrupt = onInterrupt(() => {})
  const progress = errorProgress('eval')
  try {
    const { loss, accuracy, correct, images } = await evaluate(session, test, {
      batchSize,
      signal: interrupt.signal,
      onProgress: (done, total) => progress.show(done / total),
    })
    progress.close()
    process.stdout.write(
      json
        ? `${JSON.stringify({ network: network.spec.name, loss, accuracy, correct, images, normalisedBy })}\n`
        : `${network.spec.name}: accuracy ${percent(accuracy)} (${correct} of ${images}), loss ${loss.toFixed(4)}\n` +
            (normalisedBy === 'data'
              ? `images are normalised as ${data.name} is; ${weights} does not say how\n`
              : ''),
    )
    return Exit.done
  } finally {
    progress.close()
    interrupt.release()
    session.dispose()
  }
}
