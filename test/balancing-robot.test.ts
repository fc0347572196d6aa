// The example examples/balancing-robot.ts in its short form: a policy that falls at once is trained to one that does not.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { test } from 'uvu'
import * as assert from 'uvu/assert'

const root = fileURLToPath(new URL('..', import.meta.url))

interface Report {
  readonly cost: number
  /** Seconds of each manoeuvre, of 6. */
  readonly upright: readonly number[]
}

function reportOf(text: string, name: string): Report {
  const [, cost, upright] =
    new RegExp(`^${name}: cost ([\\d.]+); .* upright for ([\\d., ]+) of 6 s`, 'm').exec(text) ?? []
  assert.ok(cost && upright, `no report '${name}' in\n${text}`)
  return { cost: Number(cost), upright: upright.split(', ').map(Number) }
}

test('both estimators teach the robot to stand, also through manoeuvres it was not trained on', () => {
  const text = execFileSync(process.execPath, ['--import', 'tsx', 'examples/balancing-robot.ts', '--short'], {
    cwd: root,
    encoding: 'utf8',
  })
  console.log(text)
  const before = reportOf(text, 'before')
  assert.is(before.upright.length, 4)
  assert.ok(before.upright.every((seconds) => seconds < 1))
  for (const name of ['after cge', 'after rge']) {
    const after = reportOf(text, name)
    // 0.957 to about 0.08 here; a robot that stands but strays from its goal would be near 0.5.
    assert.ok(after.cost <= before.cost / 5, `${name}: ${before.cost} to ${after.cost}`)
    assert.equal(after.upright, [6, 6, 6, 6], name)
  }
})

test.run()
