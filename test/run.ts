/**
 * Runs the test files, each in a process of its own, so that a crash or a leak stays in its file:
 * `npm test [-- PART …]` runs the files whose path holds one of the parts, all without any. As many run at once as there
 * are cores, or as DEEPZERO_TEST_JOBS says; what a file prints comes when it has ended, or at once where only one runs.
 *
 * Fails when a file fails, crashes, takes longer than DEEPZERO_TEST_TIMEOUT seconds (300) or ran no test, and when no
 * file was found. A test that cannot check something here prints a line `SKIP: reason` (`fixtures/skip.ts`); such lines are
 * repeated at the end and counted. The last line is `N passed, N failed, N skipped`.
 */
import { spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'

interface Outcome {
  readonly file: string
  readonly passed: number
  readonly failed: number
  readonly skipped: number
  readonly skips: readonly string[]
  /** What was wrong with the file as a whole. */
  readonly fault?: string
}

const folder = fileURLToPath(new URL('.', import.meta.url))
const seconds = Number(process.env.DEEPZERO_TEST_TIMEOUT ?? 300)
const jobs = Number(process.env.DEEPZERO_TEST_JOBS ?? availableParallelism())
if (!Number.isInteger(jobs) || jobs < 1)
  throw new Error(`DEEPZERO_TEST_JOBS: expected 1 or more, received ${jobs}`)

function find(parts: readonly string[]): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.test.ts'))
    .filter((file) => parts.length === 0 || parts.some((part) => file.includes(part)))
    .sort()
}

function run(file: string, live: boolean): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['--import', 'tsx', `${folder}/${file}`], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, FORCE_COLOR: '0' },
    })
    let text = ''
    let held = ''
    const say = (chunk: string): void => {
      if (live) process.stdout.write(chunk)
      else held += chunk
    }
    say(`\n# ${file}\n`)
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      say(chunk)
    })
    child.stderr.setEncoding('utf8').on('data', say)
    const timer = setTimeout(() => child.kill('SIGKILL'), 1000 * seconds)
    const started = Date.now()
    child.on('close', (status, signal) => {
      clearTimeout(timer)
      process.stdout.write(held)
      const late = Date.now() - started >= 1000 * seconds
      resolve(judge(file, text, late ? `took longer than ${seconds} s` : status, signal))
    })
  })
}

/** Reads uvu's closing lines; everything that is not a plain success of at least one test is a failure. */
export function judge(
  file: string,
  text: string,
  status: number | string | null,
  signal: string | null,
): Outcome {
  const number = (name: string): number =>
    Number(text.match(new RegExp(`^ {2}${name}: +(\\d+)`, 'm'))?.[1] ?? 0)
  const skips = text.match(/^SKIP: .*$/gm) ?? []
  const total = number('Total')
  const skipped = number('Skipped') + skips.length
  const passed = Math.max(0, number('Passed') - skips.length)
  // uvu counts tests marked `.skip` apart from its total.
  const failed = total - number('Passed')
  const fault =
    typeof status === 'string'
      ? status
      : signal
        ? `ended by ${signal}`
        : total === 0
          ? 'ran no test'
          : status !== 0 && failed === 0
            ? `exit code ${status}`
            : undefined
  return { file, passed, failed: failed + (fault ? 1 : 0), skipped, skips, ...(fault ? { fault } : {}) }
}

async function main(parts: readonly string[]): Promise<number> {
  const files = find(parts)
  const workers = Math.min(files.length, jobs)
  const outcomes: Outcome[] = []
  const waiting = files.entries()
  const work = async (): Promise<void> => {
    for (const [i, file] of waiting) outcomes[i] = await run(file, workers === 1)
  }
  await Promise.all(Array.from({ length: workers }, work))
  process.stdout.write('\n')
  for (const { file, failed, fault, skips } of outcomes) {
    if (failed > 0) process.stdout.write(`FAILED: ${file}${fault ? `: ${fault}` : ''}\n`)
    for (const skip of skips) process.stdout.write(`${skip} (${file})\n`)
  }
  if (files.length === 0) process.stdout.write(`FAILED: no test file matches ${parts.join(' ')}\n`)
  const sum = (key: 'passed' | 'failed' | 'skipped'): number =>
    outcomes.reduce((total, outcome) => total + outcome[key], 0)
  const failed = sum('failed') + (files.length === 0 ? 1 : 0)
  process.stdout.write(`${files.length} test files\n`)
  process.stdout.write(`${sum('passed')} passed, ${failed} failed, ${sum('skipped')} skipped\n`)
  return failed > 0 ? 1 : 0
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = await main(process.argv.slice(2))
