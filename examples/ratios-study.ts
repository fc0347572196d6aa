/**
 * How reproducible the layer ratios of ZO-GraSP are, and whether they say more than noise: ratios of two seeds for both
 * kinds of directions, with common and with independent random numbers; from coordinate-wise estimates on few images;
 * and from pure noise, random numbers in the place of Hg. Printed are Spearman rank correlations between the shares
 * that layers keep.
 *
 * An estimate of nothing still gives ratios, and the same ones for every seed, because |θ ⊙ noise| follows the size of
 * a layer's weights: two seeds that agree prove nothing unless they agree less with noise. So the last two columns
 * correlate what is left of the shares when they are divided by those that noise gives: near 0 means that the estimate
 * adds nothing. The noise of directions with a unit vector per tensor of n weights has a deviation of 1/√n there, that
 * of one unit vector for all the same everywhere.
 *
 *     node --import tsx examples/ratios-study.ts --network resnet20 --data DIR [--sparsity 0.9] [--queries 192]
 *         [--images-per-class 25] [--cge-images 1] [--mu 0.005] [--step 0.01] [--threads 0] [--json FILE] [--short]
 *
 * `--cge-images` is a number per class, too. A project of its own imports from 'deepzero-native'.
 */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import {
  builtin,
  cifar10,
  type LayerRatios,
  networkByName,
  type PruneOptions,
  Purpose,
  prune,
  pruningOptions,
  randomNormal,
  ratioCorrelation,
  ratiosFromScores,
  spearman,
} from '../lib/index.ts'

const text = { type: 'string' } as const
const { values: flags } = parseArgs({
  options: {
    ...{ network: text, data: text, sparsity: text, queries: text, 'images-per-class': text },
    ...{ 'cge-images': text, mu: text, step: text, threads: text, json: text, short: { type: 'boolean' } },
  },
})
const number = (given: string | undefined, otherwise: number): number => Number(given ?? otherwise)
const short = flags.short === true

const source = flags.data ?? 'builtin'
const data = source === 'builtin' ? builtin(short ? { train: 60, test: 10 } : {}) : await cifar10(source)
const network = networkByName(flags.network ?? 'resnet8', {
  classes: data.classes.length,
  input: data.shape,
  seed: 1,
})
const common: PruneOptions = {
  sparsity: number(flags.sparsity, pruningOptions.sparsity.default),
  mu: number(flags.mu, pruningOptions.mu.default),
  step: number(flags.step, pruningOptions.step.default),
  threads: number(flags.threads, pruningOptions.threads.default),
}
const byDirections: PruneOptions = {
  method: 'zo-grasp',
  queries: number(flags.queries, short ? 4 : pruningOptions.queries.default),
  imagesPerClass: number(flags['images-per-class'], short ? 1 : pruningOptions.imagesPerClass.default),
}
const cgeImages = number(flags['cge-images'], 1)

const SEEDS = [1, 2]
type Pair = readonly LayerRatios[]

/** Ratios of both seeds, with a line for each. */
async function measured(name: string, options: PruneOptions): Promise<Pair> {
  const pair: LayerRatios[] = []
  for (const seed of SEEDS) {
    const begun = Date.now()
    pair.push((await prune(network, data.train, { ...common, ...options, seed })).ratios)
    console.log(`${name}, seed ${seed}: ${((Date.now() - begun) / 1000).toFixed(1)} s`)
  }
  return pair
}

/** Ratios from |θ ⊙ normal numbers|, divided by √n for the noise of one unit vector per tensor. */
const noise = (perTensor: boolean, seeds: readonly number[]): Pair =>
  seeds.map((seed) => {
    const { layout, parameters } = network
    const key = { seed, purpose: Purpose.directions, stream: 2 ** 32 - 1 }
    const scores = randomNormal(key, layout.parameterCount)
    for (const { offset, size } of layout.parameters)
      for (let i = offset; i < offset + size; ++i)
        scores[i] = Math.abs(parameters[i]! * scores[i]!) / (perTensor ? Math.sqrt(size) : 1)
    return ratiosFromScores(layout, scores, common.sparsity!)
  })

const noiseOf = { tensor: noise(true, SEEDS), sphere: noise(false, SEEDS) }
const found = new Map<string, { readonly pair: Pair; readonly kind: keyof typeof noiseOf }>()
for (const directions of ['tensor', 'sphere'] as const)
  for (const independentDraws of [false, true]) {
    const name = `${directions}, ${independentDraws ? 'independent' : 'common'}`
    const pair = await measured(name, { ...byDirections, directions, independentDraws })
    found.set(name, { pair, kind: directions })
  }
const cge = await measured('cge', { method: 'zo-grasp-cge', imagesPerClass: cgeImages })
found.set('cge', { pair: cge, kind: 'sphere' })
for (const kind of ['tensor', 'sphere'] as const) found.set(`noise of ${kind}`, { pair: noiseOf[kind], kind })

/** Mean over the pairs of one ratio of each side that are not the same ratio. */
function correlation(a: Pair, b: Pair): number {
  const each = a.flatMap((x) => b.filter((y) => x !== y).map((y) => ratioCorrelation(x, y)))
  return each.reduce((sum, value) => sum + value, 0) / each.length
}

/** What noise of other seeds keeps of each layer, in the mean. */
const OTHER_SEEDS = [3, 4, 5, 6, 7, 8, 9, 10]
const meanOf = (several: Pair): number[] =>
  Object.keys(several[0]!.layers).map(
    (name) => several.reduce((sum, { layers }) => sum + layers[name]!.keep, 0) / several.length,
  )
const noiseMean = { tensor: meanOf(noise(true, OTHER_SEEDS)), sphere: meanOf(noise(false, OTHER_SEEDS)) }

/** What a layer keeps, in units of what it keeps by noise. */
const beyondNoise = ({ layers }: LayerRatios, kind: keyof typeof noiseOf): number[] =>
  Object.values(layers).map(({ keep }, i) => keep / noiseMean[kind][i]!)
const [cgeFirst, cgeSecond] = cge.map((ratios) => beyondNoise(ratios, 'sphere'))

const rows = [...found].map(([name, { pair, kind }]) => {
  const [first, second] = pair.map((ratios) => beyondNoise(ratios, kind))
  return {
    name,
    seeds: correlation(pair, pair),
    cge: correlation(pair, cge),
    noise: correlation(pair, noiseOf[kind]),
    seedsBeyondNoise: spearman(first!, second!),
    // The CGE-based ratios of the other seed, which saw other images.
    cgeBeyondNoise: (spearman(first!, cgeSecond!) + spearman(second!, cgeFirst!)) / 2,
  }
})
const layers = Object.keys(cge[0]!.layers).length
console.log(
  `\n${network.spec.name} on ${data.name}, sparsity ${common.sparsity}: rank correlation of the shares of ${layers} layers\n` +
    `${''.padEnd(55)}divided by noise:\n${''.padEnd(22)}two seeds   with cge  with noise  two seeds   with cge`,
)
for (const { name, ...values } of rows)
  console.log(
    name.padEnd(20) +
      Object.values(values)
        .map((value) => value.toFixed(3).padStart(11))
        .join(''),
  )

if (flags.json !== undefined) {
  const ratios = Object.fromEntries([...found].map(([name, { pair }]) => [name, pair]))
  const settings = { ...common, network: network.spec.name, data: data.name, cgeImages, seeds: SEEDS }
  writeFileSync(flags.json, `${JSON.stringify({ settings, correlations: rows, ratios }, null, 2)}\n`)
}
