/**
 * `metrics.jsonl` of a run that may be going on: each `update` reads what was added. A resumed run cuts the file back
 * and appends to it again, which may leave it longer than before; so the bytes in front of the place reached are
 * compared with those read there, and where they differ the file is read from its start.
 */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { addLine, addOverlong, noRecords, type Records } from './records.ts'

/** Bytes read at once, and compared in front of the place reached. */
const CHUNK = 1 << 20
const MARK = 256
/** A longer line is damaged. */
export const LONGEST_LINE = 4 << 20

export class MetricsFile {
  readonly path: string
  records: Records = noRecords()
  /** Why the file cannot be read, or null. */
  failure: NodeJS.ErrnoException | null = null
  /** When it was last written to, in milliseconds; NaN before it was found. */
  changed = Number.NaN
  /** Whether the last line has no end: the run is writing it, or was killed while it did. */
  get partial(): boolean {
    return this.#rest.length > 0 || this.#skipping
  }
  #offset = 0
  #rest = Buffer.alloc(0)
  #mark = Buffer.alloc(0)
  /** Inside a line that is too long. */
  #skipping = false

  constructor(directory: string) {
    this.path = join(directory, 'metrics.jsonl')
  }

  /** Reads what was added since; whether anything is different now. */
  update(): boolean {
    let file: number
    try {
      file = openSync(this.path, 'r')
    } catch (error) {
      const before = this.failure?.code
      this.failure = error as NodeJS.ErrnoException
      return before !== this.failure.code
    }
    try {
      const found = this.failure !== null || Number.isNaN(this.changed)
      this.failure = null
      const { size, mtimeMs } = fstatSync(file)
      this.changed = mtimeMs
      const restarted = size < this.#offset || !this.#sameMark(file)
      if (restarted) this.#restart()
      const from = this.#offset
      while (this.#offset < size && this.#take(file)) {}
      return found || restarted || this.#offset > from
    } catch (error) {
      this.failure = error as NodeJS.ErrnoException
      return true
    } finally {
      closeSync(file)
    }
  }

  #restart(): void {
    this.records = noRecords()
    this.#offset = 0
    this.#rest = Buffer.alloc(0)
    this.#mark = Buffer.alloc(0)
    this.#skipping = false
  }

  #sameMark(file: number): boolean {
    const length = this.#mark.length
    const now = Buffer.alloc(length)
    const read = readSync(file, now, 0, length, this.#offset - length)
    return read === length && now.equals(this.#mark)
  }

  /** Reads one chunk; false at the end of the file. */
  #take(file: number): boolean {
    const chunk = Buffer.allocUnsafe(CHUNK)
    const length = readSync(file, chunk, 0, CHUNK, this.#offset)
    if (length === 0) return false
    const bytes = chunk.subarray(0, length)
    this.#offset += length
    this.#mark = Buffer.from(Buffer.concat([this.#mark, bytes.subarray(-MARK)]).subarray(-MARK))
    let start = 0
    for (let end = bytes.indexOf(10); end >= 0; end = bytes.indexOf(10, start)) {
      this.#line(bytes.subarray(start, end))
      start = end + 1
    }
    if (!this.#skipping) this.#rest = Buffer.concat([this.#rest, bytes.subarray(start)])
    if (this.#rest.length > LONGEST_LINE) {
      this.#rest = Buffer.alloc(0)
      this.#skipping = true
    }
    return true
  }

  /** The end of a line: what is left of it, behind what was read before. */
  #line(end: Buffer): void {
    if (this.#skipping) addOverlong(this.records)
    else addLine(this.records, Buffer.concat([this.#rest, end]).toString('utf8'))
    this.#rest = Buffer.alloc(0)
    this.#skipping = false
  }
}
