/**
 * How exact the engine is, as relative errors in the 2-norm: against a reference file (`reference.ts`), or without one
 * difference propagation against two full passes in float64 on random data.
 */
import type { Batch } from '../batch.ts'
import { checkOptions, requireObject, rule } from '../check.ts'
import { type Network, requireNetwork } from '../networks/network.ts'
import { Purpose, randomNormal, randomWords, sample } from '../random.ts'
import { createSession, type Session } from '../session.ts'
import { type DeviceChoice, differencesShape, type Precision, sessionShape } from '../session-options.ts'
import type { DifferencesResult } from '../session-results.ts'
import { relativeError, within } from './compare.ts'
import { inSequence } from './in-sequence.ts'
import type { Reference } from './reference.ts'
import { type Tolerances, tolerancesOf } from './tolerances.ts'

export type Method = 'propagation' | 'two-pass' | 'two-pass-f64'

/** Errors by quantity; what was not compared is absent. */
export interface Errors {
  /** Outputs with batch statistics. */
  readonly logits_train?: number
  /** Outputs with running statistics. */
  readonly logits_eval?: number
  /** Loss with batch statistics. */
  readonly loss_train?: number
  /** Running statistics after one pass. */
  readonly running?: number
  /** By μ. */
  readonly cge: Readonly<Record<string, number>>
  /** Estimate against the true gradient, only when a μ was asked for. */
  readonly gradient?: number
}

/** One error beside what is allowed. */
export interface CheckLine {
  /** What was compared. */
  readonly name: string
  /** Relative error in the 2-norm. */
  readonly error: number
  /** What is allowed. */
  readonly tolerance: number
  /** Whether the error is within that. */
  readonly passed: boolean
}

/** What a gradient check found. */
export interface CheckResult {
  /** Relative errors in the 2-norm, by what was compared. */
  readonly errors: Errors
  /** The same, each beside its tolerance. */
  readonly lines: readonly CheckLine[]
  /** Whether every error is within its tolerance. */
  readonly passed: boolean
  /** Instruction set or architecture that computed it. */
  readonly isa: string
}

/** How a gradient check is done. */
export interface CheckOptions {
  /** Compare the estimate at this μ with the true gradient (with a reference), or check this μ alone (without). */
  readonly mu?: number | undefined
  /** Of the differences, and the devices that compute them, as of a session. */
  readonly precision?: Precision | undefined
  /** Where they are computed. */
  readonly device?: DeviceChoice | undefined
  /** Numbers of the CUDA devices to use; all for none. */
  readonly devices?: readonly number[] | undefined
  /** How the estimates that are checked are computed. */
  readonly method?: Method | undefined
  /** Worker threads; 0 for one per core. */
  readonly threads?: number | undefined
  /** Stops the check: ERR_ABORTED. */
  readonly signal?: AbortSignal | undefined
  /** Called about ten times a second, and at the end, with queries done and all of them. What it throws stops the work. */
  readonly onProgress?: ((done: number, total: number) => void) | undefined
}

const { precision, device, devices, threads } = sessionShape
const { mu, method, signal, onProgress } = differencesShape
export const checkShape = { mu, precision, device, devices, method, threads, signal, onProgress }

/** A session whose differences have this precision. */
function sessionOf(
  network: Network,
  { precision = 'f32', device = 'auto', devices = [], threads = 0 }: CheckOptions,
): Session {
  return createSession(network, { device, devices, threads, precision })
}

/** Of the session's estimates; whole passes are not rounded to a precision of differences. */
export const toleranceOf = (
  { device }: Session,
  { precision = 'f32', method = 'propagation' }: Pick<CheckOptions, 'precision' | 'method'>,
): Tolerances => tolerancesOf(method === 'propagation' ? precision : 'f32', device.device)

function result(errors: Errors, lines: readonly Omit<CheckLine, 'passed'>[], isa: string): CheckResult {
  const judged = lines.map((line) => ({ ...line, passed: within(line.error, line.tolerance) }))
  return { errors, lines: judged, passed: judged.every(({ passed }) => passed), isa }
}

/** Compares logits, loss, running statistics and estimates with a reference's. */
export async function checkReference(reference: Reference, options: CheckOptions = {}): Promise<CheckResult> {
  checkOptions(options, checkShape)
  const { mu, method = 'propagation', signal } = options
  requireObject('reference', reference)
  const { network, batch, coordinates } = reference
  const estimates = reference.cge.size + (mu === undefined ? 0 : 1)
  const progress = inSequence(options.onProgress, estimates * coordinates.length)
  const gradientThere = Float64Array.from(coordinates, (i) => reference.gradient[i]!)
  const session = sessionOf(network, options)
  const tolerance = toleranceOf(session, options)
  try {
    const evaluated = await session.forward(batch, { statistics: 'running', signal })
    const trained = await session.forward(batch, { statistics: 'batch', updateRunning: true, signal })
    const running = session.getBuffers()
    const estimate = async (at: number): Promise<Float32Array> => {
      const onProgress = progress(coordinates.length)
      const call = { mu: at, method, statistics: 'batch', signal, onProgress } as const
      return (await session.differences(batch, coordinates, call)).values
    }
    const cge: Record<string, number> = {}
    for (const [text, expected] of reference.cge) {
      cge[text] = relativeError(await estimate(Number(text)), expected)
    }
    const gradient = mu === undefined ? {} : { gradient: relativeError(await estimate(mu), gradientThere) }
    // A network without batch norm has no running statistics.
    const statistics = running.length === 0 ? {} : { running: relativeError(running, reference.runningAfter) }
    const errors = {
      logits_train: relativeError(trained.outputs, reference.logitsTrain),
      logits_eval: relativeError(evaluated.outputs, reference.logitsEval),
      loss_train: relativeError([trained.loss], reference.lossTrain),
      ...statistics,
      cge,
      ...gradient,
    }
    return result(
      errors,
      [
        { name: 'logits_train', error: errors.logits_train, tolerance: tolerance.logits },
        { name: 'logits_eval', error: errors.logits_eval, tolerance: tolerance.logits },
        { name: 'loss_train', error: errors.loss_train, tolerance: tolerance.loss },
        ...(statistics.running === undefined
          ? []
          : [{ name: 'running', error: statistics.running, tolerance: tolerance.running }]),
        ...Object.entries(cge).map(([text, error]) => ({
          name: `cge at mu ${text}`,
          error,
          tolerance: tolerance.cge(Number(text)),
        })),
        ...(mu !== undefined && gradient.gradient !== undefined
          ? [{ name: `gradient at mu ${mu}`, error: gradient.gradient, tolerance: tolerance.gradient(mu) }]
          : []),
      ],
      session.device.isa,
    )
  } finally {
    session.dispose()
  }
}

/** Images, and coordinates of each parameter, of the check on random data. */
const IMAGES = 8
const PER_PARAMETER = 6

/** A batch of normal numbers with uniform labels, or normal targets where the loss asks for them. */
function randomBatch({ spec, layout }: Network, seed: number): Batch {
  const image = spec.input.reduce((product, n) => product * n, 1)
  const input = randomNormal({ seed, purpose: Purpose.syntheticData, stream: 2 }, IMAGES * image)
  const key = { seed, purpose: Purpose.syntheticData, stream: 3 }
  if (spec.loss === 'meanSquaredError')
    return { input, targets: randomNormal(key, IMAGES * layout.outputs), count: IMAGES }
  const words = randomWords(key, IMAGES)
  return { input, target: Int32Array.from(words, (word) => word % layout.outputs), count: IMAGES }
}

/** Compares a network's estimates with two float64 passes on random data, on a few coordinates of each parameter. */
export async function checkRandom(
  network: Network,
  options: CheckOptions & { readonly seed?: number | undefined } = {},
): Promise<CheckResult> {
  requireNetwork(network)
  checkOptions(options, { ...checkShape, seed: rule.integer({ min: 0 }) })
  const { mu, method = 'propagation', seed = 1, signal } = options
  const batch = randomBatch(network, seed)
  const coordinates = Uint32Array.from(
    network.layout.parameters.flatMap(({ offset, size }, stream) => [
      ...sample({ seed, purpose: Purpose.coordinates, stream }, size, Math.min(size, PER_PARAMETER)).map(
        (element) => offset + element,
      ),
    ]),
  )
  const session = sessionOf(network, options)
  const tolerance = toleranceOf(session, options)
  try {
    const cge: Record<string, number> = {}
    const steps = mu === undefined ? [5e-3, 1e-4] : [mu]
    const progress = inSequence(options.onProgress, 2 * steps.length * coordinates.length)
    const differences = (at: number, by: Method): Promise<DifferencesResult> => {
      const call = { mu: at, statistics: 'batch', method: by, signal } as const
      return session.differences(batch, coordinates, { ...call, onProgress: progress(coordinates.length) })
    }
    for (const at of steps) {
      const actual = await differences(at, method)
      const expected = await differences(at, 'two-pass-f64')
      cge[String(at)] = relativeError(actual.values, expected.values)
    }
    const lines = Object.entries(cge).map(([text, error]) => ({
      name: `cge at mu ${text}`,
      error,
      tolerance: tolerance.cge(Number(text)),
    }))
    return result({ cge }, lines, session.device.isa)
  } finally {
    session.dispose()
  }
}
