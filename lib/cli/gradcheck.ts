/** `deepzero gradcheck`: errors against a reference or two float64 passes, their tolerances, exit code 1 beyond them. */
import { refusal } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import {
  type CosineLine,
  type CosineOptions,
  cosineDefaults,
  estimatorCosines,
} from '../gradcheck/cosines.ts'
import { type CheckResult, checkRandom, checkReference } from '../gradcheck/gradcheck.ts'
import { readReference } from '../gradcheck/reference.ts'
import { networkByName } from '../networks/index.ts'
import type { Network } from '../networks/network.ts'
import { precisions } from '../session-options.ts'
import { type OptionTable, trainingOptions, type Values } from '../training/options.ts'
import { sourceOptions } from '../training/source.ts'
import { Exit } from './exit.ts'
import { flagOf } from './flags.ts'
import { onInterrupt } from './interrupt.ts'
import { jsonOption } from './json-option.ts'
import { errorProgress } from './progress.ts'

export const gradcheckTable = {
  network: sourceOptions.network,
  reference: {
    type: 'text',
    default: null,
    placeholder: 'PATH/CASE',
    decides: true,
    description:
      'Case to compare with: PATH/CASE.safetensors and PATH/CASE.expected.safetensors; without it, random data',
  },
  mu: {
    type: 'number',
    default: null,
    above: 0,
    max: 1,
    decides: true,
    description:
      'Also compare the estimate at this mu with the true gradient (without a reference: check this mu)',
  },
  precision: {
    type: 'choice',
    default: 'f32',
    choices: precisions,
    decides: true,
    onlyWith: { method: ['propagation'] },
    description: 'Precision of the differences: f32 or bf16, on CUDA also f16',
  },
  method: trainingOptions.method,
  cosines: {
    type: 'boolean',
    default: false,
    decides: true,
    description: 'Cosine of each estimator to the true gradient of the reference, instead of errors',
  },
  queries: {
    type: 'integer',
    default: cosineDefaults.queries,
    min: 1,
    decides: true,
    onlyWith: { cosines: [true] },
    description: 'Directions of each randomised estimate (with --cosines)',
  },
  seed: { ...trainingOptions.seed, description: 'Seed of the random data and weights, or directions' },
  device: trainingOptions.device,
  devices: trainingOptions.devices,
  threads: trainingOptions.threads,
  json: jsonOption,
} as const satisfies OptionTable

const table = ({ lines, isa }: CheckResult, method: string): string =>
  [
    `${method}, ${isa}: relative error in the 2-norm, and what is allowed`,
    ...lines.map(
      ({ name, error, tolerance, passed }) =>
        `  ${name.padEnd(22)} ${error.toExponential(2).padStart(9)}   ${tolerance.toExponential(1).padStart(8)}   ${passed ? 'ok' : 'BEYOND'}`,
    ),
  ].join('\n')

/** `--cosines`: a row for each estimator, exit code 1 when one is not where theory expects it. */
async function runCosines(
  network: Network,
  { reference: path, json, mu, queries, seed }: Values<typeof gradcheckTable>,
  options: CosineOptions,
): Promise<number> {
  if (path === null) {
    throw new DeepZeroError(
      'ERR_INVALID_ARGUMENT',
      '--cosines: expected --reference PATH/CASE, whose true gradient is compared with; received none',
    )
  }
  const reference = await readReference(path, network)
  const at = mu ?? cosineDefaults.mu
  const lines = await estimatorCosines(reference, { ...options, queries, mu: at, seed })
  if (json) process.stdout.write(`${JSON.stringify({ mu: at, queries, seed, cosines: lines })}\n`)
  else process.stdout.write(`${cosineTable(lines, at)}\n`)
  const off = lines.filter(({ passed }) => !passed)
  if (off.length === 0) return Exit.done
  const names = off.map(({ estimator, over }) => `${estimator} over ${over}`)
  process.stderr.write(`deepzero: gradcheck failed: not where expected: ${names.join('; ')}\n`)
  return Exit.checkFailed
}

const cosineTable = (lines: readonly CosineLine[], mu: number): string =>
  [
    `cosine to the true gradient at mu ${mu}, what theory expects, and from where to where it is accepted`,
    ...lines.map(
      ({ estimator, over, cosine, expected, least, most, passed }) =>
        `  ${estimator.padEnd(24)} ${over.padEnd(24)} ${cosine.toFixed(5).padStart(8)}   ${expected.toFixed(4)}   ` +
        `${least.toFixed(5)} to ${most.toFixed(5)}   ${passed ? 'ok' : 'OFF'}`,
    ),
  ].join('\n')

/** JSON has no NaN: what is not finite is written as null, and the check has failed. */
export async function runGradcheck(settings: Values<typeof gradcheckTable>): Promise<number> {
  const {
    network: name,
    reference: path,
    seed,
    json,
    mu,
    method,
    precision,
    device,
    devices,
    threads,
    cosines,
  } = settings
  if (name === null) {
    throw new DeepZeroError(
      'ERR_INVALID_ARGUMENT',
      '--network: expected the name of a network, received none',
    )
  }
  const interrupt = onInterrupt(() => {})
  const progress = errorProgress('gradcheck')
  const options = {
    mu: mu ?? undefined,
    method,
    precision,
    device,
    devices,
    threads,
    signal: interrupt.signal,
    onProgress: (done: number, total: number): void => {
      progress.show(done / total)
      if (done === total) progress.close()
    },
  }
  try {
    if (path !== null && !cosines && seed !== gradcheckTable.seed.default)
      throw refusal(
        flagOf('seed'),
        `to be left out with ${flagOf('reference')}, where nothing is random`,
        seed,
      )
    const network = networkByName(name, { seed })
    if (cosines) return await runCosines(network, settings, options)
    const checked =
      path === null
        ? await checkRandom(network, { ...options, seed })
        : await checkReference(await readReference(path, network), options)
    const allowed = checked.lines
      .map(({ name: what, tolerance }) => `${what} ${tolerance.toExponential(1)}`)
      .join(', ')
    if (json) {
      process.stdout.write(`${JSON.stringify(checked.errors)}\n`)
      process.stderr.write(`allowed: ${allowed}\n`)
    } else {
      process.stdout.write(`${table(checked, method)}\n`)
    }
    if (checked.passed) return Exit.done
    const beyond = checked.lines.filter(({ passed }) => !passed).map(({ name: what }) => what)
    process.stderr.write(`deepzero: gradcheck failed: ${beyond.join(', ')} beyond what is allowed\n`)
    return Exit.checkFailed
  } finally {
    progress.close()
    interrupt.release()
  }
}
