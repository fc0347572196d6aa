/**
 * One process at a time per run directory: a file `lock` that names its holder. It is made complete under another
 * name and linked in, so that nobody reads half of it. A lock whose process is gone (kill -9, a crash, a reboot) is
 * taken over; on Linux a process of the same number that started later counts as gone too.
 */
import {
  closeSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DeepZeroError } from '../errors.ts'
import { asFileError } from './failure.ts'

interface Holder {
  readonly pid: number
  readonly host: string
  /** Start of the process in clock ticks since boot, Linux only: tells a process from a later one with its number. */
  readonly started: string | null
}

export interface Lock {
  release(): void
}

/** Field 22 of /proc/PID/stat; the name in field 2 may hold blanks, so count from its closing bracket. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null
  } catch {
    return null
  }
}

function alive({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false
  }
  const now = startOf(pid)
  return started === null || now === null || started === now
}

function parse(text: string): Holder | null {
  try {
    const { pid, host, started } = JSON.parse(text)
    return Number.isInteger(pid) && pid > 0 ? { pid, host: String(host), started: started ?? null } : null
  } catch {
    return null
  }
}

const read = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

const busy = (directory: string, text: string): DeepZeroError => {
  const holder = parse(text)
  const who = holder ? `process ${holder.pid} on ${holder.host}` : 'another process'
  return new DeepZeroError(
    'ERR_RUN',
    `${directory}: expected a run directory that no other process works on, but ${who} holds it; wait for it or stop it` +
      `, or delete ${join(directory, 'lock')} when that process is gone`,
  )
}

/**
 * Who holds a directory's lock, for those who only look; null where nobody does. `alive` is null where that cannot be
 * told from here: a process on another machine, or a damaged lock.
 */
export function lockHolder(directory: string): {
  readonly name: string
  readonly alive: boolean | null
} | null {
  const text = read(join(directory, 'lock'))
  if (text === null) return null
  const holder = parse(text)
  if (!holder) return { name: 'an unknown process', alive: null }
  const here = holder.host === hostname()
  const name = `process ${holder.pid}${here ? '' : ` on ${holder.host}`}`
  return { name, alive: here ? alive(holder) : null }
}

/** Takes the lock of a directory, or throws ERR_RUN naming its holder. */
export function takeLock(directory: string): Lock {
  const path = join(directory, 'lock')
  const mine = join(directory, `.lock-${process.pid}-${Date.now()}`)
  const me: Holder = { pid: process.pid, host: hostname(), started: startOf(process.pid) }
  const text = `${JSON.stringify(me)}\n`
  try {
    const file = openSync(mine, 'wx')
    try {
      writeFileSync(file, text)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
    for (let attempt = 0; attempt < 5; attempt++) {
      try {
        linkSync(mine, path)
        return { release: () => read(path) === text && rmSync(path, { force: true }) }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      }
      const found = read(path)
      if (found === null) continue
      const holder = parse(found)
      if (!holder || holder.host !== me.host || alive(holder)) throw busy(directory, found)
      // Gone: move its lock away, and look again whether it was that one, for another process may have been faster.
      const moved = `${mine}-stale`
      try {
        renameSync(path, moved)
      } catch {
        continue
      }
      const taken = read(moved)
      if (taken !== null && taken !== found) {
        try {
          linkSync(moved, path)
        } catch {
          // A third process holds it now; the next attempt reports that one.
        }
      }
      rmSync(moved, { force: true })
    }
    throw busy(directory, read(path) ?? '')
  } catch (error) {
    throw asFileError(path, 'created', error)
  } finally {
    rmSync(mine, { force: true })
  }
}
