/**
 * `deepzero doctor`: what computes here, and why nothing better does; which binary was loaded, and what was wrong with the
 * others. Without a binary it says why there is none, and ends as ERR_NATIVE_LOAD does.
 */
import { availableParallelism } from 'node:os'
import { DeepZeroError, fromNative } from '../errors.ts'
import { type NativeCuda, type NativeDevice, native, nativeBinary, nativeSurroundings } from '../native.ts'
import { version } from '../runs/version.ts'
import { Exit, exitCodeOf } from './exit.ts'

/** What `device: 'auto'` would take; a bad DEEPZERO_MAX_ISA is the user's mistake and reads as one. */
function chosenDevice(): NativeDevice {
  try {
    return native.device()
  } catch (error) {
    throw fromNative(error)
  }
}

/** Devices, or why there is none. */
function describeCuda({ reason, devices }: NativeCuda): string {
  if (reason) return `not used: ${reason}`
  return devices
    .map(
      ({ ordinal, name, capability, memory }) =>
        `${ordinal}: ${name}, compute capability ${capability}, ${(memory / 2 ** 30).toFixed(1)} GiB`,
    )
    .join('; ')
}

const describeLibrary = ({ driver, runtime, architectures }: NativeCuda): string =>
  [
    `library of CUDA ${runtime}`,
    ...(architectures ? [`for ${architectures.replaceAll(',', ', ')}`] : []),
    ...(driver ? [`driver of CUDA ${driver}`] : []),
  ].join(', ')

/** What the device is and what could be; apart from these, a report can be had without a binary. */
function computing() {
  const device = chosenDevice()
  return {
    device: device.device,
    instructionSets: native.instructionSets(),
    isa: device.isa,
    reason: device.reason || 'the best that runs here',
    threads: device.threads,
    cuda: native.cuda(),
  }
}

type Row = readonly [name: string, value: string | number]

function computingRows(facts: ReturnType<typeof computing>): Row[] {
  return [
    ['instruction sets', facts.instructionSets.join(', ')],
    ['in use', `${facts.device} ${facts.isa} (${facts.reason})`],
    ['threads', `${facts.threads} of ${availableParallelism()} cores`],
    ['CUDA', describeCuda(facts.cuda)],
    ...(facts.cuda.runtime ? [['', describeLibrary(facts.cuda)] as const] : []),
    // Where none can be used, the reason holds these.
    ...(facts.cuda.reason ? [] : facts.cuda.rejected).map(
      ({ ordinal, name, reason }): Row => ['', `not used: ${ordinal}: ${name ? `${name} ` : ''}${reason}`],
    ),
  ]
}

export async function runDoctor({ json }: { readonly json: boolean }): Promise<number> {
  const binary = nativeBinary()
  const { libc, needs, driver, warnings } = nativeSurroundings()
  const computes = binary.addon ? computing() : undefined
  const facts = {
    version,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    libc,
    binary: binary.path ?? null,
    origin: binary.origin ?? null,
    needs,
    rejected: binary.rejected,
    ...computes,
    cores: availableParallelism(),
    driver,
    warnings,
  }
  const code = computes ? Exit.done : exitCodeOf(new DeepZeroError('ERR_NATIVE_LOAD', 'no binary'))
  if (json) {
    process.stdout.write(`${JSON.stringify(facts)}\n`)
    return code
  }
  const rows: Row[] = [
    ['deepzero-native', facts.version],
    ['Node.js', facts.node],
    ['platform', facts.libc ? `${facts.platform}, ${facts.libc}` : facts.platform],
    ['native binary', facts.binary ? `${facts.binary} (${facts.origin})` : 'none'],
    ...(needs.length > 0 ? [['it needs', needs.join(', ')] as const] : []),
    ...(computes ? computingRows(computes) : []),
    ['NVIDIA driver', driver || 'none'],
    ...binary.rejected.flatMap(({ path, reason, remedy }): Row[] => [
      ['not used', path ? `${path}: ${reason}` : reason],
      ['', remedy],
    ]),
    ...warnings.map((warning): Row => ['warning', warning]),
  ]
  for (const [name, value] of rows) process.stdout.write(`${name.padEnd(18)} ${value}\n`)
  return code
}
