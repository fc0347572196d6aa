/** `deepzero estimate`: saves the gradient estimate of one batch, for people who study it. */
import { performance } from 'node:perf_hooks'
import { refusal } from '../check.ts'
import { firstBatch } from '../data/load-batches.ts'
import { DeepZeroError } from '../errors.ts'
import { prepareOutput } from '../output-file.ts'
import { duration } from '../report/format.ts'
import { estimateFile, saveEstimate } from '../training/estimate-file.ts'
import { checkEstimate, estimateGradient, estimateOptions } from '../training/gradient.ts'
import { type OptionTable, omitOptions, trainingOptions, type Values } from '../training/options.ts'
import { dataOptions, openModel, sourceOptions } from '../training/source.ts'
import { Exit } from './exit.ts'
import { flagOf } from './flags.ts'
import { onInterrupt } from './interrupt.ts'
import { jsonOption } from './json-option.ts'
import { openNamedData } from './open-data.ts'
import { makeProgress } from './progress.ts'

export const estimateTable = {
  network: {
    ...sourceOptions.network,
    description: `${sourceOptions.network.description}; a model file of a run names its own`,
  },
  weights: { ...sourceOptions.weights, description: 'Weights of a safetensors file instead of random ones' },
  ...omitOptions({ testImages: dataOptions.testImages }, dataOptions),
  batchSize: { ...trainingOptions.batchSize, description: 'Images of the batch' },
  out: {
    type: 'text',
    default: null,
    placeholder: 'FILE',
    decides: false,
    description: 'Safetensors file to write: a tensor for each parameter, and the coordinates queried',
  },
  ...estimateOptions,
  seed: {
    ...trainingOptions.seed,
    description: 'Seed of the batch, coordinates, directions and random weights',
  },
  json: jsonOption,
} as const satisfies OptionTable

export async function runEstimate(settings: Values<typeof estimateTable>): Promise<number> {
  const { network: name, weights, batchSize, out, json, ...given } = settings
  const options = omitOptions(dataOptions, given)
  if (out === null) throw refusal('--out', 'the path of the file to write', out)
  checkEstimate(options, flagOf)
  const progress = makeProgress('estimate', json)
  const interrupt = onInterrupt(() => {})
  try {
    await prepareOutput(out, estimateFile)
    const data = await openNamedData({ ...settings, testImages: 1 }, json)
    const { network, normalisation } = await openModel({ network: name, weights }, data, options.seed)
    const train = { ...data.train, ...normalisation }
    const batch = await firstBatch(train, { batchSize, seed: options.seed, shuffle: true })
    const begun = performance.now()
    const estimate = await estimateGradient(network, batch, {
      ...options,
      signal: interrupt.signal,
      onProgress: (done, total) => progress.show(done / total),
    })
    progress.close()
    const seconds = (performance.now() - begun) / 1000
    await saveEstimate(out, network, estimate)
    const { loss, accuracy, queries, images } = estimate
    const coordinates = estimate.coordinates.length
    const norm = Math.sqrt(estimate.gradient.reduce((sum, g) => sum + g * g, 0))
    process.stdout.write(
      json
        ? `${JSON.stringify({ network: network.spec.name, coordinates, queries, images, loss, accuracy, norm, seconds, out })}\n`
        : `${network.spec.name}: ${coordinates} of ${network.layout.parameterCount} coordinates, ${queries} queries on ` +
            `${images} images in ${duration(seconds)}; loss ${loss.toFixed(4)}, norm of the estimate ` +
            `${norm.toPrecision(4)}; written to ${out}\n`,
    )
    return Exit.done
  } catch (error) {
    if (!(error instanceof DeepZeroError) || error.code !== 'ERR_ABORTED') throw error
    process.stderr.write('deepzero: stopped; nothing was written\n')
    return Exit.interrupted
  } finally {
    progress.close()
    interrupt.release()
  }
}
