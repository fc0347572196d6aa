/** `deepzero gradcheck`: errors against a reference or two float64 passes, their tolerances, exit code 1 beyond them. */
import { DeepZeroError } from '../errors.ts'
import { type CheckResult, checkRandom, checkReference } from '../gradcheck/gradcheck.ts'
import { readReference } from '../gradcheck/reference.ts'
import { networkByName } from '../networks/index.ts'
import { type OptionTable, trainingOptions, type Values } from '../training/options.ts'
import { sourceOptions } from '../training/source.ts'
import { Exit } from './exit.ts'
import { onInterrupt } from './interrupt.ts'

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
    type: 'text',
    default: 'f32',
    placeholder: 'f32',
    decides: true,
    description: 'Precision of the differences',
  },
  method: trainingOptions.method,
  seed: { ...trainingOptions.seed, description: 'Seed of the random data and weights' },
  threads: trainingOptions.threads,
  json: { type: 'boolean', default: false, decides: false, description: 'Print one JSON object' },
} as const satisfies OptionTable

const table = ({ lines, isa }: CheckResult, method: string): string =>
  [
    `${method}, ${isa}: relative error in the 2-norm, and what is allowed`,
    ...lines.map(
      ({ name, error, tolerance, passed }) =>
        `  ${name.padEnd(22)} ${error.toExponential(2).padStart(9)}   ${tolerance.toExponential(1).padStart(8)}   ${passed ? 'ok' : 'BEYOND'}`,
    ),
  ].join('\n')

/** JSON has no NaN: what is not finite is written as null, and the check has failed. */
export async function runGradcheck(settings: Values<typeof gradcheckTable>): Promise<number> {
  const { network: name, reference: path, seed, json, mu, method, precision, threads } = settings
  if (name === null) {
    throw new DeepZeroError(
      'ERR_INVALID_ARGUMENT',
      '--network: expected the name of a network, received none',
    )
  }
  const interrupt = onInterrupt(() => {})
  const options = { mu: mu ?? undefined, method, precision, threads, signal: interrupt.signal }
  try {
    const network = networkByName(name, { seed })
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
    interrupt.release()
  }
}
