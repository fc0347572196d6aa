/**
 * `metrics.jsonl` of a run: one JSON object a line, a `step`, `estimates` or `epoch` event. Lines are appended as they come; a
 * checkpoint notes how many bytes belong to it, and resuming cuts the file back to them, so that a resumed run's file
 * equals that of an uninterrupted one (but for times).
 */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { requireString } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { fileError, writeAll } from '../files.ts'
import { asFileError } from './failure.ts'

export interface Metrics {
  /** Bytes so far. */
  readonly bytes: number
  append(record: object): void
  /** Puts all lines on the disk; called before a checkpoint that counts them. */
  sync(): void
  close(): void
}

/** Opens the file of a run directory and cuts it to `bytes`. */
export function openMetrics(directory: string, bytes: number): Metrics {
  const path = join(directory, 'metrics.jsonl')
  let file: number | undefined
  let size = bytes
  try {
    file = openSync(path, 'a')
    const found = fstatSync(file).size
    if (found < bytes) {
      throw new DeepZeroError(
        'ERR_RUN',
        `${path}: expected at least the ${bytes} bytes that the checkpoint counts, found ` +
          `${found}; the file was changed after the checkpoint, so the run cannot be resumed`,
      )
    }
    ftruncateSync(file, bytes)
  } catch (error) {
    if (file !== undefined) closeSync(file)
    throw asFileError(path, 'written', error)
  }
  const opened = file
  return {
    get bytes() {
      return size
    },
    append(record) {
      const line = Buffer.from(`${JSON.stringify(record)}\n`)
      try {
        writeAll(opened, line)
      } catch (error) {
        throw asFileError(path, 'written', error)
      }
      size += line.length
    },
    sync() {
      try {
        fsyncSync(opened)
      } catch (error) {
        throw asFileError(path, 'written', error)
      }
    },
    close: () => closeSync(opened),
  }
}

/** All whole lines of a run's metrics. Throws ERR_FILE where they cannot be read. */
export function readMetrics(directory: string): Record<string, unknown>[] {
  const path = join(requireString('directory', directory), 'metrics.jsonl')
  try {
    const text = readFileSync(path, 'utf8')
    return text
      .slice(0, text.lastIndexOf('\n') + 1)
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line))
  } catch (error) {
    throw fileError(path, 'read', error)
  }
}
