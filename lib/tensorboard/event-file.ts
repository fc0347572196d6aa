/**
 * Event files of TensorBoard in a run directory: `events.out.tfevents.SECONDS.deepzero.NUMBER`, appended to as metrics
 * come. They are a copy of `metrics.jsonl`, which alone says what the run did.
 *
 * TensorBoard reads the files of a folder in the order of their names and dislikes one that shrinks. So a resumed run
 * begins another file, whose first event makes the reader forget everything from the last step of the checkpoint on;
 * the lines of that step follow again. Where the run trained without event files before, all lines are repeated.
 */
import { closeSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeAll } from '../files.ts'
import { concatenate } from '../protobuf.ts'
import { asFileError } from '../runs/failure.ts'
import { startEvent, summaryEvent, versionEvent } from './event.ts'
import { encodeRecord } from './record.ts'
import { type MetricsLine, summariesOf } from './summaries.ts'

/** Names of event files, for TensorBoard and for the run directory. */
export const eventFileName = /^events\.out\.tfevents\./

export interface EventFile {
  append(line: MetricsLine): void
  close(): void
}

const now = (): number => Date.now() / 1000

/**
 * Begins an event file.
 * @param before the lines of `metrics.jsonl` so far
 * @param step the earlier files have everything before this step
 */
export function openEventFile(directory: string, before: readonly MetricsLine[], step: number): EventFile {
  const earlier = readdirSync(directory).filter((name) => eventFileName.test(name))
  const path = join(directory, nextName(earlier))
  const write = (events: readonly Uint8Array[]): void => {
    const bytes = concatenate(events.map(encodeRecord))
    try {
      writeAll(file, bytes)
    } catch (error) {
      throw asFileError(path, 'written', error)
    }
  }
  let file: number
  try {
    file = openSync(path, 'wx')
  } catch (error) {
    throw asFileError(path, 'created', error)
  }
  const from = earlier.length === 0 ? 0 : step
  const encode = (line: MetricsLine): Uint8Array => summaryEvent(now(), line.step, summariesOf(line))
  try {
    write([
      versionEvent(now()),
      startEvent(now(), from),
      ...before.filter((line) => line.step >= from).map(encode),
    ])
  } catch (error) {
    closeSync(file)
    throw error
  }
  return {
    append: (line) => write([encode(line)]),
    close: () => closeSync(file),
  }
}

/** Behind all earlier names, also when the clock went back. */
function nextName(earlier: readonly string[]): string {
  const part = (name: string, i: number): number => Number(name.split('.')[i]) || 0
  const seconds = Math.max(Math.floor(now()), ...earlier.map((name) => part(name, 3)))
  const number = Math.max(0, ...earlier.map((name) => part(name, 5))) + 1
  const digits = (n: number, width: number): string => String(n).padStart(width, '0')
  return `events.out.tfevents.${digits(seconds, 10)}.deepzero.${digits(number, 4)}`
}
