/** `deepzero prune`: layer ratios and masks from scores; see `lib/pruning/`. */
import { DeepZeroError } from '../errors.ts'
import { prepareOutput } from '../output-file.ts'
import { maskFile, writeMask } from '../pruning/mask.ts'
import { pruningOptions } from '../pruning/options.ts'
import { needsImages, prune, withImages } from '../pruning/prune.ts'
import { type Ratios, ratiosFile, totals, writeRatios } from '../pruning/ratios.ts'
import { ratiosTable } from '../pruning/table.ts'
import { count, duration } from '../report/format.ts'
import { type OptionTable, omitOptions, type Values } from '../training/options.ts'
import { dataOptions, openNetwork, sourceOptions } from '../training/source.ts'
import { bold } from './colours.ts'
import { Exit } from './exit.ts'
import { onInterrupt } from './interrupt.ts'
import { openNamedData } from './open-data.ts'
import { makeProgress } from './progress.ts'

export const pruneTable = {
  network: sourceOptions.network,
  weights: sourceOptions.weights,
  ...omitOptions({ testImages: dataOptions.testImages }, dataOptions),
  ...pruningOptions,
  seed: { ...pruningOptions.seed, description: `${pruningOptions.seed.description}, and of initial weights` },
  out: {
    type: 'text',
    default: null,
    placeholder: 'FILE',
    decides: false,
    description: 'Write the layer ratios to this file (JSON), for train --ratios',
  },
  maskOut: {
    type: 'text',
    default: null,
    placeholder: 'FILE',
    decides: false,
    description: 'Write the weights with the largest scores to this file (safetensors), for train --mask',
  },
  json: {
    type: 'boolean',
    default: false,
    decides: false,
    description: 'Print the ratios as one JSON object',
  },
} as const satisfies OptionTable

function heading({ network, method, sparsity, seed, layers }: Ratios): string {
  const { keep, of } = totals({ layers })
  return `${bold(network)}: ${method} at sparsity ${sparsity} keeps ${count(keep)} of ${count(of)} layer weights (seed ${seed})`
}

export async function runPrune(flags: Values<typeof pruneTable>): Promise<number> {
  const { network: name, weights, out, maskOut, json, ...given } = flags
  if (out !== null) await prepareOutput(out, ratiosFile)
  if (maskOut !== null) await prepareOutput(maskOut, maskFile)
  const settings = withImages(omitOptions(dataOptions, given))
  const data = await openNamedData({ ...flags, testImages: 0 }, json)
  const network = await openNetwork({ network: name, weights }, data, settings.seed)
  const looks = needsImages(settings.method)
  const progress = makeProgress(settings.method, json || !looks)
  const interrupt = onInterrupt(() => {})
  const begun = Date.now()
  try {
    const { signal } = interrupt
    if (looks && !json) {
      const images = settings.imagesPerClass * data.classes.length
      process.stdout.write(`${network.spec.name}: ${settings.method} on ${images} training images\n`)
    }
    const { ratios, mask } = await prune(network, data.train, {
      ...settings,
      signal,
      onProgress: progress.show,
    })
    progress.close()
    if (out !== null) await writeRatios(out, ratios)
    if (maskOut !== null) await writeMask(maskOut, network, mask)
    if (json) {
      process.stdout.write(`${JSON.stringify(ratios)}\n`)
      return Exit.done
    }
    const files = [
      ...(out === null ? [] : [`ratios in ${out}`]),
      ...(maskOut === null ? [] : [`mask in ${maskOut}`]),
    ]
    const took = looks ? ` in ${duration((Date.now() - begun) / 1000)}` : ''
    process.stdout.write(
      `${heading(ratios)}\n${ratiosTable(ratios, process.stdout.columns ?? 80)}\n${[`done${took}`, ...files].join('; ')}\n`,
    )
    return Exit.done
  } catch (error) {
    progress.close()
    if (!(error instanceof DeepZeroError) || error.code !== 'ERR_ABORTED') throw error
    process.stderr.write(`deepzero: ${error.message}; nothing was written\n`)
    return Exit.interrupted
  } finally {
    interrupt.release()
  }
}
