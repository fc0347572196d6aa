// Gradients, Hessian-gradient products and scores: against formulas, and the same whenever and wherever.
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { allCoordinates, uniformSparsity } from '../lib/coordinates.ts'
import { batches } from '../lib/data/batches.ts'
import { builtin } from '../lib/data/builtin.ts'
import { type LabelledBatch, type LabelledImages, select } from '../lib/data/dataset.ts'
import { cnn } from '../lib/networks/cnn.ts'
import { type Network, networkBuilder } from '../lib/networks/network.ts'
import { topMask } from '../lib/pruning/counts.ts'
import { coordinateGradient, type GradientSource, randomGradient } from '../lib/pruning/gradient-source.ts'
import { hessianGradient } from '../lib/pruning/hessian-gradient.ts'
import { classBatch } from '../lib/pruning/images.ts'
import type { PruningMethod } from '../lib/pruning/options.ts'
import { type PruneOptions, prune, zoGrasp } from '../lib/pruning/prune.ts'
import { totals } from '../lib/pruning/ratios.ts'
import { graspScores, magnitudeScores, snipScores } from '../lib/pruning/scores.ts'
import { Purpose, permutation } from '../lib/random.ts'
import { createSession, type Session } from '../lib/session.ts'
import { plainRandomGradient } from './fixtures/plain-rge.ts'
import { rejects } from './fixtures/rejects.ts'

const data = builtin({ train: 60, test: 10 })
const tiny = cnn(1, 3, { seed: 4 })

/** Softmax regression on a few pixels: smooth, with a gradient and a Hessian that are easily written down. */
function softmaxNetwork(): Network {
  const net = networkBuilder('softmax', [2, 2, 2])
  net.linear('fc', net.input, { out: 4 })
  return net.build({ seed: 2 })
}
const FEATURES = 8
const CLASSES = 4
const network = softmaxNetwork()
const batch: LabelledBatch = {
  input: Float32Array.from({ length: 12 * FEATURES }, (_, i) => Math.sin(1 + 2.7 * i)),
  target: Int32Array.from({ length: 12 }, (_, i) => i % CLASSES),
  count: 12,
}

/** Gradient of the mean cross-entropy, and its Hessian times v, in float64; flat as the network's parameters. */
function exact(
  theta: ArrayLike<number>,
  v: ArrayLike<number>,
): { gradient: Float64Array; product: Float64Array } {
  const gradient = new Float64Array(theta.length)
  const product = new Float64Array(theta.length)
  const [weight, bias] = network.layout.parameters
  const place = (k: number, j: number): number =>
    j < FEATURES ? weight!.offset + k * FEATURES + j : bias!.offset + k
  for (let n = 0; n < batch.count; ++n) {
    const x = (j: number): number => (j < FEATURES ? batch.input[n * FEATURES + j]! : 1)
    const dot = (w: ArrayLike<number>, k: number): number => {
      let sum = 0
      for (let j = 0; j <= FEATURES; ++j) sum += w[place(k, j)]! * x(j)
      return sum
    }
    const all = Array.from({ length: CLASSES }, (_, k) => k)
    const exps = all.map((k) => Math.exp(dot(theta, k)))
    const total = exps.reduce((sum, value) => sum + value)
    const p = exps.map((value) => value / total)
    const dz = all.map((k) => dot(v, k))
    const mean = all.reduce((sum, k) => sum + p[k]! * dz[k]!, 0)
    for (const k of all) {
      for (let j = 0; j <= FEATURES; ++j) {
        gradient[place(k, j)]! += ((p[k]! - (batch.target[n] === k ? 1 : 0)) * x(j)) / batch.count
        product[place(k, j)]! += (p[k]! * (dz[k]! - mean) * x(j)) / batch.count
      }
    }
  }
  return { gradient, product }
}

function error(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0
  let norm = 0
  for (let i = 0; i < expected.length; ++i) {
    difference += (actual[i]! - expected[i]!) ** 2
    norm += expected[i]! ** 2
  }
  return Math.sqrt(difference / norm)
}

async function onSession<T>(of: Network, work: (session: Session) => Promise<T>): Promise<T> {
  const session = createSession(of, { threads: 1 })
  try {
    return await work(session)
  } finally {
    session.dispose()
  }
}

const needed = allCoordinates(network.layout)

test('the Hessian-gradient product by coordinate-wise estimates is the exact one', async () => {
  const { gradient, product } = exact(network.parameters, exact(network.parameters, needed).gradient)
  await onSession(network, async (session) => {
    const found = await hessianGradient(session, batch, coordinateGradient({ mu: 1e-4 }), {
      step: 1e-3,
      needed,
    })
    // Truncation of the forward difference, ½·μ·‖∂²f‖/‖∂f‖ and less for its change; that of the step is of its order.
    const [forGradient, forProduct] = [error(found.gradient, gradient), error(found.product, product)]
    assert.ok(forGradient <= 1e-3, `gradient: ${forGradient}`)
    assert.ok(forProduct <= 5e-3, `product: ${forProduct}`)
    assert.equal(session.getParameters(), network.parameters)
    // ‖ε·ĝ‖ = step·‖θ‖
    const norm = (values: Float32Array): number => Math.hypot(...values)
    const share = (found.epsilon * norm(found.gradient)) / norm(network.parameters)
    assert.ok(Math.abs(share - 1e-3) <= 1e-9, `${share}`) // roundings of float64
  })
})

/**
 * Along random directions Hg is that of the estimate ĝ₁ itself: unbiased for H·ĝ₁ with one unit vector for all, with
 * a sampling error of √((d + 1)/q).
 */
test('with random directions: within the sampling error of H times the estimate', async () => {
  const queries = 3000
  const bound = 4 * Math.sqrt((needed.length + 1) / queries)
  assert.ok(bound < 0.5, 'the bound says something')
  const base = { queries, mu: 1e-3, seed: 5, directions: 'sphere' } as const
  const product = async (independentDraws: boolean): Promise<number> =>
    onSession(network, async (session) => {
      const source = plainRandomGradient({ ...base, independentDraws })
      const found = await hessianGradient(session, batch, source, { step: 0.03, needed })
      assert.equal(session.getParameters(), network.parameters)
      return error(found.product, exact(network.parameters, found.gradient).product)
    })
  const common = await product(false)
  assert.ok(common <= bound, `common random numbers: ${common}`)
  // With other directions the error is that of the gradient, of which Hg is but a small change.
  const independent = await product(true)
  assert.ok(independent > 2 * common, `independent draws: ${independent}, common: ${common}`)
})

// Two float32 losses near 1.4 differ by roundings of 1e-7; over mu = 1e-2 that is 1e-5 of slopes of about 0.3.
test("the engine's randomised estimate is the one by whole passes", async () => {
  for (const directions of ['tensor', 'sphere'] as const)
    for (const independentDraws of [false, true])
      await onSession(network, async (session) => {
        const options = { queries: 20, mu: 1e-2, seed: 7, directions, independentDraws }
        const estimates: Float32Array[] = []
        for (const pass of [0, 1]) {
          const found = await randomGradient(options)(session, batch, { pass, needed })
          const plain = await plainRandomGradient(options)(session, batch, { pass, needed })
          const apart = error(found, plain)
          assert.ok(apart <= 1e-3, `${directions}, pass ${pass}: ${apart}`)
          estimates.push(found)
        }
        const [first, second] = estimates
        if (independentDraws) assert.ok(error(second!, first!) > 0.1)
        else assert.equal(second, first)
      })
})

// A loss near 2 is rounded by 1e-7; over mu = 0.05 that is 4e-6 of slopes of about 0.1.
test('the coordinate-wise estimate is the one by whole passes, with statistics of the batch', async () => {
  const mu = 0.05
  const images = await classBatch(data.train, { imagesPerClass: 2, augment: false, seed: 3 })
  const chosen = allCoordinates(tiny.layout).filter((i) => i % 5 === 0)
  await onSession(tiny, async (session) => {
    const buffers = session.getBuffers()
    const estimate = await coordinateGradient({ mu })(session, images, { pass: 0, needed: chosen })
    const loss = async (): Promise<number> => (await session.forward(images, { statistics: 'batch' })).loss
    const base = await loss()
    const expected = new Float32Array(estimate.length)
    for (const i of chosen) {
      session.setParameters(tiny.parameters.map((value, at) => (at === i ? value + mu : value)))
      expected[i] = ((await loss()) - base) / mu
    }
    const apart = error(estimate, expected)
    assert.ok(apart <= 1e-3, `${apart}`)
    assert.equal(session.getBuffers(), buffers)
  })
})

/** |θ ⊙ Hg| from two estimates, `step` apart, at the weights of `tiny` that the scores are about. */
async function graspFormula(
  session: Session,
  estimate: () => Promise<Float32Array>,
  step: number,
): Promise<Float64Array> {
  const length = (values: Float32Array): number => Math.hypot(...values)
  const first = await estimate()
  const epsilon = (step * length(tiny.parameters)) / length(first)
  session.setParameters(tiny.parameters.map((value, i) => value + epsilon * first[i]!))
  const second = await estimate()
  const scores = new Float64Array(first.length)
  for (const { name, offset, size } of tiny.layout.parameters)
    if (/conv_layers.0.weight|fc.weight/.test(name))
      for (let i = offset; i < offset + size; ++i)
        scores[i] = Math.abs((tiny.parameters[i]! * (second[i]! - first[i]!)) / epsilon)
  return scores
}

// The two sums of ‖·‖² are taken in another order here: ε differs by roundings.
const sameScores = (scores: Float64Array, expected: Float64Array): void =>
  expected.forEach((value, i) => {
    assert.ok(Math.abs(scores[i]! - value) <= 1e-4 * value + 1e-6, `${i}: ${scores[i]}, ${value}`)
  })

test('zo-grasp is the formula on two of these estimates', async () => {
  for (const directions of ['tensor', 'sphere'] as const) {
    const options = {
      queries: 16,
      directions,
      seed: 3,
      imagesPerClass: 2,
      sparsity: 0.5,
      step: 0.05,
      estimator: 'rge',
    } as const
    const { scores } = await zoGrasp(tiny, data.train, options)
    const images = await classBatch(data.train, { imagesPerClass: 2, augment: true, seed: 3 })
    await onSession(tiny, async (session) => {
      const estimate = async (): Promise<Float32Array> =>
        (await session.randomDifferences(images, { count: 16, seed: 3, directions, mu: 5e-3 })).gradient
      sameScores(scores, await graspFormula(session, estimate, 0.05))
    })
  }
})

test('without options: zo-grasp-cge on one augmented image of each class, mu 5e-3, a step of 1/100, 90 % sparse', async () => {
  const { scores, ratios } = await prune(tiny, data.train)
  assert.equal([ratios.method, ratios.sparsity, ratios.seed], ['zo-grasp-cge', 0.9, 1])
  assert.equal(totals(ratios), { keep: 11, of: 111 })
  assert.equal(await zoGrasp(tiny, data.train), {
    scores,
    ratios,
    mask: topMask(tiny.layout, scores, ratios),
  })
  const images = await classBatch(data.train, { imagesPerClass: 1, augment: true, seed: 1 })
  await onSession(tiny, async (session) => {
    const estimate = async (): Promise<Float32Array> =>
      (await session.differences(images, allCoordinates(tiny.layout), { mu: 5e-3 })).values
    sameScores(scores, await graspFormula(session, estimate, 0.01))
  })
})

test('an estimate that fails leaves the weights as they were', async () => {
  await onSession(network, async (session) => {
    const source: GradientSource = async (at, images, call) => {
      if (call.pass === 1) throw new Error('no second estimate')
      return coordinateGradient({ mu: 1e-4 })(at, images, call)
    }
    let message = ''
    await hessianGradient(session, batch, source, { step: 0.5, needed }).catch((failure) => {
      message = failure.message
    })
    assert.is(message, 'no second estimate')
    assert.equal(session.getParameters(), network.parameters)
    const flat: GradientSource = async () => new Float32Array(needed.length)
    await rejects(
      hessianGradient(session, batch, flat, { step: 0.5, needed }),
      'ERR_INVALID_ARGUMENT',
      /gradient estimate is 0 everywhere/,
    )
  })
})

test('scores: formulas, signs, and 0 outside the weights of layers', () => {
  const theta = Float32Array.from(needed, (i) => (i % 3) - 1)
  const product = Float64Array.from(needed, (i) => i - 10)
  const { layout } = network
  const [weight] = layout.parameters
  const signed = graspScores(layout, theta, product, 'signed')
  const magnitude = graspScores(layout, theta, product, 'magnitude')
  needed.forEach((i) => {
    const within = i < weight!.size
    const minusS = within ? theta[i]! * product[i]! : 0
    assert.is(signed[i]! + 0, minusS + 0)
    assert.is(magnitude[i], Math.abs(minusS))
    assert.is(snipScores(layout, theta, product)[i], Math.abs(minusS))
    assert.is(magnitudeScores(layout, theta)[i], within ? Math.abs(theta[i]!) : 0)
  })
})

// Removing weight i changes ‖g‖² by −2·θᵢ·(Hg)ᵢ to first order: what is kept when ranked by sign is what costs most.
test('ranked by sign, weights are kept whose removal lowers the squared norm of the gradient most', () => {
  const small = network.parameters.map((value) => 1e-3 * value)
  const square = (theta: ArrayLike<number>): number => {
    const { gradient } = exact(theta, theta)
    return gradient.reduce((sum, value) => sum + value * value, 0)
  }
  const { gradient } = exact(small, small)
  const scores = graspScores(network.layout, small, exact(small, gradient).product, 'signed')
  const base = square(small)
  const size = FEATURES * CLASSES
  const order = Array.from({ length: size }, (_, i) => i)
  const change = order.map((i) => square(small.map((value, j) => (i === j ? 0 : value))) - base)
  assert.equal(
    order.toSorted((i, j) => scores[j]! - scores[i]!).slice(0, 8),
    order.toSorted((i, j) => change[i]! - change[j]!).slice(0, 8),
  )
})

test('images: as many of each class as asked for, augmented, by the seed', async () => {
  const options = { imagesPerClass: 4, augment: true, seed: 3 }
  const drawn = await classBatch(data.train, options)
  assert.is(drawn.count, 40)
  for (let label = 0; label < 10; ++label)
    assert.is(drawn.target.filter((target) => target === label).length, 4)
  assert.equal(await classBatch(data.train, options), drawn)
  assert.not.equal((await classBatch(data.train, { ...options, seed: 4 })).input, drawn.input)
  assert.not.equal((await classBatch(data.train, { ...options, augment: false })).input, drawn.input)
  // All images of all classes: every one of them once.
  const plain = await classBatch(data.train, { imagesPerClass: 6, augment: false, seed: 3 })
  const first = Array.from({ length: 60 }, (_, i) => plain.input.slice(i * 3072, i * 3072 + 40).join())
  assert.is(new Set(first).size, 60)
})

test('images and their crops are those of stream 2^32 − 1, which no epoch of a run has', async () => {
  const stream = 2 ** 32 - 1
  const drawn = await classBatch(data.train, { imagesPerClass: 2, augment: true, seed: 3 })
  const left = new Array<number>(10).fill(2)
  const taken = [...permutation({ seed: 3, purpose: Purpose.shuffle, stream }, data.train.count)].filter(
    (image) => left[data.train.labels[image]!]!-- > 0,
  )
  const subset = (await select(data.train, Uint32Array.from(taken))) as LabelledImages
  const [expected] = batches(subset, { batchSize: 20, seed: 3, epoch: stream, augment: true })
  assert.equal(drawn.target, expected!.target)
  assert.ok(drawn.input.every((value, i) => value === expected!.input[i]))
})

const settings: PruneOptions = { sparsity: 0.6, threads: 1 }
const images = { imagesPerClass: 2 }
const directions = { ...images, queries: 6 }
const methods = {
  'zo-grasp': directions,
  'zo-grasp-cge': images,
  snip: images,
  'snip-rge': directions,
  magnitude: {},
  random: {},
} as const satisfies Partial<Record<PruningMethod, PruneOptions>>

test('every method: the total, the same bits again and with other threads', async () => {
  for (const [method, own] of Object.entries(methods) as [keyof typeof methods, PruneOptions][]) {
    const options = { ...settings, ...own, method }
    const one = await prune(tiny, data.train, options)
    const size = 81 + 30
    assert.equal(totals(one.ratios), { keep: Math.round(0.4 * size), of: size }, method)
    assert.equal(one.mask, topMask(tiny.layout, one.scores, one.ratios))
    assert.equal(await prune(tiny, data.train, { ...options, threads: 3 }), one, method)
    const other = await prune(tiny, data.train, { ...options, seed: 2 })
    if (method === 'magnitude') assert.equal(other.scores, one.scores)
    else assert.not.equal(other.scores, one.scores, method)
  }
})

test('uniform: the counts of uniformSparsity', async () => {
  const { ratios, mask } = await prune(tiny, null, { method: 'uniform', sparsity: 0.6 })
  assert.equal(ratios.layers, {
    'conv_layers.0.weight': { keep: 32, of: 81 },
    'fc.weight': { keep: 12, of: 30 },
  })
  assert.is(mask.length, uniformSparsity(tiny.layout, 0.6).length)
})

test('zoGrasp by coordinate-wise estimates is prune with that method', async () => {
  const options = { sparsity: 0.5, imagesPerClass: 2, ranking: 'signed' } as const
  const short = await zoGrasp(tiny, data.train, { ...options, estimator: 'cge' })
  assert.equal(short, await prune(tiny, data.train, { ...options, method: 'zo-grasp-cge' }))
  assert.equal(short.ratios.options, {
    imagesPerClass: 2,
    augment: true,
    mu: 5e-3,
    step: 0.01,
    ranking: 'signed',
  })
  const magnitude = await zoGrasp(tiny, data.train, { ...options, ranking: 'magnitude', estimator: 'cge' })
  assert.equal(magnitude.scores, short.scores.map(Math.abs))
})

test('progress goes from 0 to 1; what it throws and a signal stop the work', async () => {
  const shares: number[] = []
  const options = {
    ...settings,
    ...images,
    method: 'zo-grasp-cge',
    onProgress: (share: number) => shares.push(share),
  } as const
  await prune(tiny, data.train, options)
  assert.equal(
    shares,
    shares.toSorted((a, b) => a - b),
  )
  assert.ok(shares[0]! >= 0)
  assert.is(shares.at(-1), 1)
  const broken = prune(tiny, data.train, {
    ...options,
    onProgress: () => {
      throw new TypeError('no more')
    },
  })
  let name = ''
  await broken.catch((failure) => {
    name = failure.name
  })
  assert.is(name, 'TypeError')
  await rejects(
    prune(tiny, data.train, { ...settings, method: 'snip', signal: AbortSignal.abort() }),
    'ERR_ABORTED',
    /pruning was stopped/,
  )
})

test('what cannot be done is refused', async () => {
  await rejects(
    prune(tiny, data.train, { querys: 3 } as object),
    'ERR_UNKNOWN_OPTION',
    /did you mean 'queries'/,
  )
  await rejects(
    prune(tiny, data.train, { method: 'grasp' } as object),
    'ERR_INVALID_ARGUMENT',
    /options\.method/,
  )
  await rejects(
    prune(tiny, data.train, { method: 'snip', queries: 3 }),
    'ERR_INVALID_ARGUMENT',
    /options\.queries: expected to be left out unless options\.method is 'zo-grasp' or 'snip-rge'/,
  )
  await rejects(
    prune(tiny, data.train, { sparsity: 0.99 }),
    'ERR_INVALID_ARGUMENT',
    /in each of the 2 layers/,
  )
  await rejects(
    prune(tiny, null, { method: 'snip' }),
    'ERR_INVALID_ARGUMENT',
    /which snip looks at, received null/,
  )
  await rejects(
    prune(tiny, data.train, { method: 'snip', imagesPerClass: 7 }),
    'ERR_DATA',
    /expected 7 images of each class, 'disk' has 6/,
  )
})

test.run()
