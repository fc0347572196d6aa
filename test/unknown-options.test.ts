// Every public function with options refuses one that it does not have, with the nearest name that it has.
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import * as api from '../lib/index.ts'
import { rejects } from './fixtures/rejects.ts'

const network = api.cnn(1, 2)
const data = api.builtin({ train: 20, test: 10 })
const { train: set } = data
const f = (): number => 0
const spec = api.sources.mnist
const steps = { lr: 1, totalSteps: 1 }
const session = api.createSession(network, { threads: 1 })
test.after(() => session.dispose())
const batch = api.batches(set, { batchSize: 10 }).next().value!

/** A call with a misspelt option each, and the name that is meant. */
const calls: readonly (readonly [
  name: string,
  meant: string,
  call: (options: object) => unknown,
  wrong: object,
])[] = [
  ['adam', 'beta1', (o) => api.adam(o), { beta: 0.9 }],
  ['sgd', 'momentum', (o) => api.sgd(o), { momentun: 0.9 }],
  ['signSgd', 'momentum', (o) => api.signSgd(o), { momentun: 0.9 }],
  ['cosine', 'totalSteps', (o) => api.cosine({ lr: 1, ...o } as never), { totalsteps: 1 }],
  ['constant', 'warmupSteps', (o) => api.constant({ ...steps, ...o }), { warmupStep: 1 }],
  ['stepwise', 'gamma', (o) => api.stepwise({ ...steps, milestones: [], ...o }), { gama: 1 }],
  ['oneCycle', 'divisor', (o) => api.oneCycle({ ...steps, ...o }), { divisors: 1 }],
  ['cnn', 'classes', (o) => api.cnn(1, 4, o), { clases: 3 }],
  ['dncnn', 'seed', (o) => api.dncnn(2, 1, o), { sed: 3 }],
  ['convRegression', 'slope', (o) => api.convRegression(4, 1, o), { slop: 3 }],
  ['resnet8', 'classes', (o) => api.resnet8(o), { clases: 3 }],
  ['resnet18', 'classes', (o) => api.resnet18(o), { clases: 3 }],
  ['networkByName', 'classes', (o) => api.networkByName('regression-4x1', o), { clases: 3 }],
  ['networkBuilder', 'loss', (o) => api.networkBuilder('n', [1, 1, 1], o), { los: 'crossEntropy' }],
  ['build', 'seed', (o) => api.networkBuilder('n', [1, 1, 1]).build(o as never), { sed: 1 }],
  ['exportOnnx', 'metadata', (o) => api.exportOnnx(network, o), { metadat: {} }],
  ['createSession', 'threads', (o) => api.createSession(network, o), { thread: 1 }],
  ['forward', 'statistics', (o) => session.forward(batch, o), { statistic: 'batch' }],
  ['differences', 'mu', (o) => session.differences(batch, [0], o), { Mu: 1 }],
  ['randomDifferences', 'count', (o) => session.randomDifferences(batch, o), { counts: 1 }],
  ['evaluate', 'batchSize', (o) => api.evaluate(session, set, o), { batchsize: 1 }],
  ['checkRandom', 'mu', (o) => api.checkRandom(network, o), { Mu: 1e-3 }],
  ['checkReference', 'mu', (o) => api.checkReference({} as never, o), { Mu: 1e-3 }],
  ['estimatorCosines', 'queries', (o) => api.estimatorCosines({} as never, o), { querys: 1 }],
  ['builtin', 'train', (o) => api.builtin(o), { trains: 1 }],
  ['cifar100', 'labels', (o) => api.cifar100('none', o), { label: 'fine' }],
  ['imageFolder', 'size', (o) => api.imageFolder('none', o), { sizes: 1 }],
  ['openFolder', 'labels', (o) => api.openFolder('none', o), { label: 'fine' }],
  ['fetchData', 'from', (o) => api.fetchData(spec, '/dev/null/none', o), { fron: '' }],
  ['inspect', 'onProgress', (o) => api.inspect(data, o), { onprogress: f }],
  ['contactSheet', 'perClass', (o) => api.contactSheet(set, o), { perclass: 1 }],
  ['batches', 'shuffle', (o) => api.batches(set, { batchSize: 1, ...o }), { shufle: true }],
  ['loadBatches', 'ahead', (o) => api.loadBatches(set, { batchSize: 1, ...o }), { ahed: 1 }],
  ['firstBatch', 'shuffle', (o) => api.firstBatch(set, { batchSize: 1, ...o }), { shufle: true }],
  ['fromArrays', 'labels', (o) => api.fromArrays(o as never), { label: [] }],
  ['fromIterable', 'spool', (o) => api.fromIterable([], o as never), { spol: 'x' }],
  ['uniformSparsity', 'draw', (o) => api.uniformSparsity(network.layout, 0.5, o), { drawn: 1 }],
  ['cge', 'mu', (o) => api.cge(f, new Float64Array(1), o), { Mu: 1 }],
  ['rge', 'mu', (o) => api.rge(f, new Float64Array(1), o as never), { Mu: 1 }],
  ['cgeQueries', 'mu', (o) => api.cgeQueries(new Float64Array(1), o), { Mu: 1 }],
  ['rgeQueries', 'mu', (o) => api.rgeQueries(new Float64Array(1), o as never), { Mu: 1 }],
  ['blackBoxHead', 'concurrency', (o) => api.blackBoxHead(f as never, o), { concurency: 1 }],
  ['prune', 'sparsity', (o) => api.prune(network, null, o), { sparsty: 0.5 }],
  ['zoGrasp', 'sparsity', (o) => api.zoGrasp(network, set, o), { sparsty: 0.5 }],
  ['estimateGradient', 'mu', (o) => api.estimateGradient(network, batch, o), { Mu: 1 }],
  ['softmaxRegression', 'lr', (o) => api.softmaxRegression(data, o as never), { Lr: 1 }],
  ['writeReport', 'out', (o) => api.writeReport(['none'], o), { Out: 'x' }],
  ['train', 'epochs', (o) => api.train(network, data, o).next(), { epoch: 1 }],
]

test('a misspelt option is refused', async () => {
  for (const [name, meant, call, wrong] of calls) {
    const error = await (async () => call(wrong))().then(
      () => undefined,
      (reason: unknown) => reason,
    )
    assert.instance(error, api.DeepZeroError, `${name} took ${JSON.stringify(wrong)}`)
    const { code, message } = error as api.DeepZeroError
    assert.is(code, 'ERR_UNKNOWN_OPTION', `${name}: ${message}`)
    assert.ok(message.includes(`'${meant}'`), `${name}: ${message}`)
  }
})

test('zoGrasp has no method, as it is one', async () => {
  const call = (options: object) => api.zoGrasp(network, set, options)
  await rejects(call({ method: 'snip' }), 'ERR_UNKNOWN_OPTION', /unknown option 'method'/)
  await rejects(call({ estimator: 'cgi' }), 'ERR_INVALID_ARGUMENT', /options\.estimator: expected/)
})

test.run()
