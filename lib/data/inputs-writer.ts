/**
 * Writes a file of inputs (`inputs-file.ts`) record by record: to a temporary name, synced and renamed when it is whole, so
 * that a reader never sees half of it. Memory goes with 20 bytes a record and one block of about a MiB.
 */
import { createHash } from 'node:crypto'
import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { crc32 } from 'node:zlib'
import { fileError, makeFolder, syncFolder } from '../files.ts'
import type { Inputs, Shape } from './dataset.ts'
import { ENTRY_BYTES, FORMAT, type InputsInfo, KEY_BYTES, MAGIC, type Numbers } from './inputs-file.ts'
import { ChannelStatistics } from './statistics.ts'

const BLOCK = 2 ** 20

let made = 0

export class InputsWriter {
  readonly #path: string
  readonly #temporary: string
  readonly #handle: FileHandle
  readonly #shape: Shape
  readonly #numbers: Numbers
  readonly #statistics: ChannelStatistics
  readonly #hash = createHash('sha256')
  /** Grows by doubling. */
  #entries = Buffer.alloc(1024 * ENTRY_BYTES)
  #count = 0
  #block: Uint8Array[] = []
  #blockBytes = 0

  private constructor(path: string, temporary: string, handle: FileHandle, shape: Shape, numbers: Numbers) {
    this.#path = path
    this.#temporary = temporary
    this.#handle = handle
    this.#shape = shape
    this.#numbers = numbers
    this.#statistics = new ChannelStatistics(shape)
  }

  /** Makes the folder, too. Throws ERR_FILE. */
  static async create(path: string, shape: Shape, numbers: Numbers): Promise<InputsWriter> {
    await makeFolder(dirname(path))
    const temporary = `${path}.${process.pid}.${++made}.tmp`
    try {
      const handle = await open(temporary, 'wx')
      const writer = new InputsWriter(path, temporary, handle, shape, numbers)
      await writer.#write(Buffer.from(MAGIC, 'latin1'))
      return writer
    } catch (error) {
      throw fileError(path, 'written', error)
    }
  }

  get count(): number {
    return this.#count
  }

  /** Adds a record; `key` has 16 bytes. The record is kept until it is written: hand over one of its own. Throws ERR_FILE. */
  async add(key: Uint8Array, record: Inputs): Promise<void> {
    const bytes = new Uint8Array(record.buffer, record.byteOffset, record.byteLength)
    const at = this.#count++ * ENTRY_BYTES
    if (at === this.#entries.length) this.#entries = Buffer.concat([this.#entries], 2 * at)
    this.#entries.set(key, at)
    this.#entries.writeUInt32LE(crc32(bytes), at + KEY_BYTES)
    this.#statistics.add(record)
    this.#hash.update(bytes)
    await this.#write(bytes)
  }

  /** Writes the end and gives the file its name. Throws ERR_FILE, with what was at that name untouched. */
  async finish(): Promise<void> {
    const info: InputsInfo = {
      format: FORMAT,
      shape: this.#shape,
      numbers: this.#numbers,
      count: this.count,
      ...this.#statistics.result(),
      fingerprint: this.#hash.digest('hex'),
    }
    const entries = this.#entries.subarray(0, this.#count * ENTRY_BYTES)
    const json = Buffer.from(JSON.stringify(info))
    const tail = Buffer.alloc(4 + 32)
    tail.writeUInt32LE(json.length)
    createHash('sha256').update(entries).update(json).digest().copy(tail, 4)
    for (const part of [entries, json, tail]) await this.#write(part)
    await this.#flush()
    try {
      await this.#handle.sync()
      await this.#handle.close()
      await rename(this.#temporary, this.#path)
    } catch (error) {
      await this.abandon()
      throw fileError(this.#path, 'written', error)
    }
    await syncFolder(dirname(this.#path))
  }

  /** Removes what was written. */
  async abandon(): Promise<void> {
    await this.#handle.close().catch(() => {})
    await rm(this.#temporary, { force: true }).catch(() => {})
  }

  async #write(bytes: Uint8Array): Promise<void> {
    this.#block.push(bytes)
    this.#blockBytes += bytes.length
    if (this.#blockBytes >= BLOCK) await this.#flush()
  }

  async #flush(): Promise<void> {
    const block = Buffer.concat(this.#block)
    this.#block = []
    this.#blockBytes = 0
    try {
      await this.#handle.appendFile(block)
    } catch (error) {
      await this.abandon()
      throw fileError(this.#path, 'written', error)
    }
  }
}
