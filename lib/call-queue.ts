/**
 * The calls of one session, one after another in call order. A call that is aborted before its turn never starts; one
 * that runs is stopped and rejects when it has stopped. After `close`, waiting and later calls reject ERR_DISPOSED.
 */
import { DeepZeroError, fromNative, withStackOf } from './errors.ts'
import { type NativeCancel, native } from './native.ts'

/** What a call does in its turn; `cancel` stops a native call. */
type Work<T> = (cancel: NativeCancel) => T | Promise<T>

interface Waiting {
  start(): Promise<void>
  refuse(error: DeepZeroError): void
}

export class CallQueue {
  readonly #waiting: Waiting[] = []
  #busy = false
  #closed = false

  /** Whether a call made now starts at once, before `call` returns. */
  get idle(): boolean {
    return !this.#busy && this.#waiting.length === 0
  }

  get closed(): boolean {
    return this.#closed
  }

  /** Runs `work` after all earlier calls. `at` was made where the user called: errors of ours get its stack. */
  call<T>(at: Error, work: Work<T>, signal?: AbortSignal): Promise<T> {
    try {
      this.check(at, signal)
    } catch (error) {
      return Promise.reject(error)
    }
    return new Promise<T>((resolve, reject) => {
      const cancel = new native.Cancel()
      let started = false
      const onAbort = (): void => {
        if (started) cancel.cancel()
        else {
          this.#waiting.splice(this.#waiting.indexOf(waiting), 1)
          waiting.refuse(aborted(signal))
        }
      }
      const leave = (): void => signal?.removeEventListener('abort', onAbort)
      const waiting: Waiting = {
        start: async () => {
          started = true
          let settle: () => void
          try {
            const value = await work(cancel)
            settle = () => resolve(value)
          } catch (thrown) {
            const error = fromNative(thrown)
            const stopped = signal?.aborted && error instanceof DeepZeroError && error.code === 'ERR_ABORTED'
            settle = () => reject(withStackOf(stopped ? aborted(signal) : error, at))
          }
          leave()
          this.#busy = false
          settle()
          this.#next()
        },
        refuse: (error) => {
          leave()
          reject(withStackOf(error, at))
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.push(waiting)
      this.#next()
    })
  }

  /** Throws when a call made now would be refused: the queue is closed, or the signal aborted. */
  check(at: Error, signal?: AbortSignal): void {
    if (this.#closed) throw withStackOf(disposed(), at)
    if (signal?.aborted) throw withStackOf(aborted(signal), at)
  }

  /** Refuses all waiting and later calls; the one that runs is left alone. */
  close(): void {
    this.#closed = true
    for (const waiting of this.#waiting.splice(0)) waiting.refuse(disposed())
  }

  #next(): void {
    const waiting = this.#busy ? undefined : this.#waiting.shift()
    if (!waiting) return
    this.#busy = true
    void waiting.start()
  }
}

/** The error of a call that was aborted. */
export const aborted = (signal?: AbortSignal): DeepZeroError =>
  new DeepZeroError('ERR_ABORTED', 'the call was aborted', { cause: signal?.reason })

/** The error of a session that is no more. */
export const disposed = (): DeepZeroError =>
  new DeepZeroError('ERR_DISPOSED', 'expected a session in use, but this one is disposed; create another')
