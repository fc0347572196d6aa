/** Steps that are counted: `ok`, `FAIL` or `SKIP` with seconds, and a closing line. */

let passed = 0
let failed = 0
let skipped = 0

/** What a step throws that cannot check anything on this machine. */
export class Skip extends Error {}

/** One step; gives its result, or undefined when it failed. A text that it gives is printed beside its name. */
export function step<T>(name: string, body: () => T): T | undefined {
  const start = Date.now()
  const seconds = (): string => `${((Date.now() - start) / 1000).toFixed(1)} s`
  try {
    const result = body()
    passed += 1
    console.log(`ok   ${name}${typeof result === 'string' ? ` (${result})` : ''}, ${seconds()}`)
    return result
  } catch (error) {
    if (error instanceof Skip) {
      skipped += 1
      console.log(`SKIP ${name}: ${error.message}`)
      return undefined
    }
    failed += 1
    console.log(`FAIL ${name}, ${seconds()}\n${error instanceof Error ? error.message : error}`)
    return undefined
  }
}

/** Prints the closing line; sets the exit code. */
export function conclude(): void {
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`)
  process.exitCode = failed > 0 || passed === 0 ? 1 : 0
}
