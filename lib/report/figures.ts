/** Final figures of runs: what came out, and at what cost. */
import type { RunView } from './run-reader.ts'

export interface Figures {
  readonly network: string
  readonly testAccuracy: number
  readonly bestAccuracy: number
  /** Epoch of the best accuracy, or of the least loss where there are no classes. */
  readonly bestEpoch: number
  readonly testLoss: number
  readonly bestLoss: number
  readonly trainAccuracy: number
  readonly trainLoss: number
  readonly epochs: number
  readonly steps: number
  readonly queries: number
  /** With evaluations, as far as epochs were finished. */
  readonly seconds: number
  readonly queriesPerSecond: number
  readonly sparsity: number
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + (value || 0), 0)

/** Share of the layers' weights that is not queried, from the layers or as the configuration has it. */
function sparsityOf({ config, layers }: RunView): number {
  if (layers && layers.length > 0)
    return 1 - sum(layers.map(({ keep }) => keep)) / sum(layers.map(({ of }) => of))
  return typeof config?.sparsity === 'number' ? config.sparsity : Number.NaN
}

export function figuresOf(run: RunView): Figures {
  const { config, records } = run
  const { steps, epochs } = records
  const last = epochs.at(-1)
  const lastStep = steps.at(-1)
  const better = (a: number, b: number): boolean => a > b || (Number.isNaN(b) && !Number.isNaN(a))
  const classes = epochs.some(({ testAccuracy }) => !Number.isNaN(testAccuracy))
  const score = (epoch: (typeof epochs)[number]): number => (classes ? epoch.testAccuracy : -epoch.testLoss)
  const best = epochs.reduce<(typeof epochs)[number] | undefined>(
    (found, epoch) => (!found || better(score(epoch), score(found)) ? epoch : found),
    undefined,
  )
  const trained = sum(steps.map(({ seconds }) => seconds))
  const inSteps = sum(steps.map(({ queries }) => queries))
  const seconds = Math.max(trained, sum(epochs.map((epoch) => epoch.seconds)))
  return {
    network: typeof config?.network === 'string' ? config.network : '–',
    testAccuracy: last?.testAccuracy ?? Number.NaN,
    bestAccuracy: best?.testAccuracy ?? Number.NaN,
    bestEpoch: best?.epoch ?? Number.NaN,
    testLoss: last?.testLoss ?? Number.NaN,
    bestLoss: best?.testLoss ?? Number.NaN,
    trainAccuracy: last?.trainAccuracy ?? lastStep?.accuracy ?? Number.NaN,
    trainLoss: last?.trainLoss ?? lastStep?.loss ?? Number.NaN,
    epochs: last?.epoch ?? 0,
    steps: lastStep?.step ?? last?.step ?? 0,
    queries: Math.max(inSteps, sum(epochs.map(({ queries }) => queries))),
    seconds,
    queriesPerSecond: trained > 0 ? inSteps / trained : Number.NaN,
    sparsity: sparsityOf(run),
  }
}

/** Options that differ between the runs, in the order of the first; records about the run are no options. */
export function differingOptions(runs: readonly RunView[]): string[] {
  const configs = runs.flatMap(({ config }) => (config ? [config] : []))
  const ignored = new Set([
    'run',
    'resume',
    'force',
    'machine',
    'networkHash',
    'dataHash',
    'maskHash',
    'sizes',
    'classes',
  ])
  const keys = [...new Set(configs.flatMap((config) => Object.keys(config)))]
  const text = (value: unknown): string => JSON.stringify(value ?? null)
  return keys.filter(
    (key) => !ignored.has(key) && new Set(configs.map((config) => text(config[key]))).size > 1,
  )
}
