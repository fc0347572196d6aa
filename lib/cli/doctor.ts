/** `deepzero doctor`: what computes here, and why nothing better does. */
import { availableParallelism } from 'node:os'
import { fromNative } from '../errors.ts'
import { type NativeCuda, type NativeDevice, native, nativePath } from '../native.ts'
import { version } from '../runs/version.ts'
import { Exit } from './exit.ts'

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

export async function runDoctor({ json }: { readonly json: boolean }): Promise<number> {
  const device = chosenDevice()
  const facts = {
    version,
    node: process.version,
    platform: `${process.platform}-${process.arch}`,
    binary: nativePath(),
    device: device.device,
    instructionSets: native.instructionSets(),
    isa: device.isa,
    reason: device.reason || 'the best that runs here',
    threads: device.threads,
    cores: availableParallelism(),
    cuda: native.cuda(),
  }
  if (json) {
    process.stdout.write(`${JSON.stringify(facts)}\n`)
    return Exit.done
  }
  const rows: [string, string | number][] = [
    ['deepzero-native', facts.version],
    ['Node.js', facts.node],
    ['platform', facts.platform],
    ['native binary', facts.binary],
    ['instruction sets', facts.instructionSets.join(', ')],
    ['in use', `${facts.device} ${facts.isa} (${facts.reason})`],
    ['threads', `${facts.threads} of ${facts.cores} cores`],
    ['CUDA', describeCuda(facts.cuda)],
  ]
  for (const [name, value] of rows) process.stdout.write(`${name.padEnd(18)} ${value}\n`)
  return Exit.done
}
