// Where a run goes on: damaged and missing checkpoints, `latest` and config.json, and what is said of another configuration.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { checkSameConfig } from '../lib/runs/config.ts'
import { Run } from '../lib/runs/run.ts'
import { fresh, options, progress, tensors } from './fixtures/plain-run.ts'
import { rejects } from './fixtures/rejects.ts'

/** Those checkpoints, the last one `latest`. */
async function withCheckpoints(...steps: number[]): Promise<string> {
  const directory = fresh()
  const run = await Run.open(directory, options({ keep: 9 }))
  for (const step of steps) await run.checkpoint(String(step), progress(step), tensors(step))
  run.close()
  return directory
}

const resume = (directory: string): Promise<Run> => Run.open(directory, options({ resume: true, keep: 9 }))

/** The refusal changed nothing. */
const untouched = (directory: string, ...checkpoints: string[]): void => {
  assert.equal(readdirSync(join(directory, 'checkpoints')).sort(), checkpoints.sort())
  assert.not.ok(existsSync(join(directory, 'lock')))
}

test('a damaged checkpoint is refused, also by one bit, and the way back is named', async () => {
  for (const file of ['model.safetensors', 'state.safetensors']) {
    const directory = await withCheckpoints(4, 8, 12)
    const path = join(directory, 'checkpoints', '12', file)
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.subarray(0, -4))
    await rejects(
      resume(directory),
      'ERR_RUN',
      /12\/\w+\.safetensors: .* damaged.* write checkpoints\/8 into /,
    )
    bytes[bytes.length - 3]! ^= 1
    writeFileSync(path, bytes)
    await rejects(resume(directory), 'ERR_RUN', /damaged.*whole checkpoints: 4, 8;/)
    rmSync(path)
    await rejects(resume(directory), 'ERR_FILE', /does not exist.* write checkpoints\/8 into /)
    untouched(directory, '4', '8', '12')

    writeFileSync(join(directory, 'latest'), 'checkpoints/8\n')
    const run = await resume(directory)
    run.close()
    assert.is(run.resumed!.state.step, 8)
    untouched(directory, '4', '8')
  }
})

test('a damaged or foreign state, a folder that is gone, nothing whole left', async () => {
  const directory = await withCheckpoints(4, 8)
  const checkpoint = (step: number): string => join(directory, 'checkpoints', String(step))
  writeFileSync(join(checkpoint(8), 'state.json'), '{')
  await rejects(resume(directory), 'ERR_RUN', /expected JSON.* write checkpoints\/4 into /)
  writeFileSync(join(checkpoint(8), 'state.json'), '{"format": "deepzero-state/2"}')
  await rejects(resume(directory), 'ERR_RUN', /deepzero-state\/3/)
  writeFileSync(join(checkpoint(8), 'state.json'), '{"format": "deepzero-state/3"}')
  await rejects(resume(directory), 'ERR_RUN', /expected the state of a run, received step undefined/)
  rmSync(checkpoint(8), { recursive: true })
  await rejects(resume(directory), 'ERR_RUN', /checkpoints\/8 does not exist; .* write checkpoints\/4 into /)
  rmSync(join(checkpoint(4), 'model.safetensors'))
  await rejects(resume(directory), 'ERR_RUN', /no whole checkpoint is left; start another run directory/)
  writeFileSync(join(directory, 'latest'), '../../etc\n')
  await rejects(resume(directory), 'ERR_RUN', /path of a checkpoint, received '..\/..\/etc'/)
})

test('a state is refused by what its fields are, before anything is cut', async () => {
  const directory = await withCheckpoints(4, 8)
  const path = join(directory, 'checkpoints', '8', 'state.json')
  const whole = JSON.parse(readFileSync(path, 'utf8'))
  const metrics = readFileSync(join(directory, 'metrics.jsonl'))
  const best = { step: 4, epoch: 1, testLoss: 1, testAccuracy: null }
  for (const edit of [
    { step: '8' },
    { metricsBytes: undefined },
    { metricsBytes: 10.5 },
    { epoch: -1 },
    { sums: null },
    { sums: { ...whole.sums, loss: 'low' } },
    { spent: { queries: 1 } },
    { draw: 1e300 },
    { best: { ...best, step: '../../x' } },
    { best: { ...best, testLoss: undefined } },
    { last: {} },
    { isa: 3 },
    { sha256: [] },
  ]) {
    writeFileSync(path, JSON.stringify({ ...whole, ...edit }))
    const [name] = Object.keys(edit)
    await rejects(
      resume(directory),
      'ERR_RUN',
      new RegExp(`the state of a run, received ${name} .*checkpoints/4 into`),
    )
  }
  assert.equal(readFileSync(join(directory, 'metrics.jsonl')), metrics)
  untouched(directory, '4', '8')
  writeFileSync(path, JSON.stringify({ ...whole, best, last: { testLoss: 1, testAccuracy: 0.5 } }))
  const run = await resume(directory)
  run.close()
})

test('`best` follows when the checkpoint that it names turned out to be bad', async () => {
  const directory = fresh()
  const run = await Run.open(directory, options({ keep: 9 }))
  const best = (step: number) => ({ step, epoch: 1, testLoss: 1, testAccuracy: 0.5 })
  await run.checkpoint('4', { ...progress(4), best: best(4) }, tensors(4))
  await run.checkpoint('8', { ...progress(8), best: best(8) }, tensors(8))
  assert.is(await run.revert(), true)
  run.close()
  for (const name of ['latest', 'best'])
    assert.is(readFileSync(join(directory, name), 'utf8'), 'checkpoints/4\n')
})

test('checkpoints without `latest` are kept, and how to go on is said', async () => {
  const directory = await withCheckpoints(8, 12)
  rmSync(join(directory, 'latest'))
  await rejects(
    resume(directory),
    'ERR_RUN',
    /latest: .* is gone; whole checkpoints: 8, 12; .* checkpoints\/12/,
  )
  untouched(directory, '8', '12')
})

test('the first checkpoint alone, as of a process killed right before `latest`, is a run at its start', async () => {
  const directory = await withCheckpoints(0)
  rmSync(join(directory, 'latest'))
  const run = await resume(directory)
  run.close()
  assert.is(run.resumed, null)
})

test('checkpoints without config.json are refused', async () => {
  const directory = await withCheckpoints(0, 8)
  rmSync(join(directory, 'config.json'))
  await rejects(
    resume(directory),
    'ERR_RUN',
    /expected the config\.json .* weights in .*8\/model\.safetensors/,
  )
  rmSync(join(directory, 'latest'))
  await rejects(resume(directory), 'ERR_RUN', /expected the config\.json/)
  untouched(directory, '0', '8')
})

test('going back to a checkpoint before the best one leaves no `best` that leads nowhere', async () => {
  const directory = await withCheckpoints(4, 8)
  cpSync(join(directory, 'latest'), join(directory, 'best'))
  writeFileSync(join(directory, 'latest'), 'checkpoints/4\n')
  ;(await resume(directory)).close()
  assert.not.ok(existsSync(join(directory, 'best')))
})

test('another configuration is told in words, without hashes', () => {
  const from = { data: 'd/m3', trainImages: 9, dataHash: 'abc', network: 'n', networkHash: 'def', lr: 1 }
  const fingerprints = {
    dataHash: { what: 'data', from: ['data', 'trainImages'] },
    networkHash: { what: 'network', from: ['network'] },
  }
  const said = (changed: object): string => {
    try {
      checkSameConfig('r', from, { ...from, ...changed }, ['lr', 'dataHash', 'networkHash'], fingerprints)
    } catch (error) {
      return (error as Error).message.replace(
        'r: expected the configuration that the run started with, but ',
        '',
      )
    }
    return ''
  }
  // Where they come from counts for nothing as long as they are the same.
  assert.is(said({ data: 'e' }), '')
  const leave = 'leave these options out to go on with the recorded ones'
  const another = 'or start another run directory'
  assert.is(said({ lr: 2 }), `lr was 1, now 2; ${leave}, ${another}`)
  assert.is(
    said({ dataHash: 'x' }),
    `the data is not the same (data "d/m3"); bring back what it started with, ${another}`,
  )
  assert.is(
    said({ dataHash: 'x', data: 'e', trainImages: 8 }),
    `the data is not the same (data was "d/m3", now "e", trainImages was 9, now 8); ${leave}, ${another}`,
  )
  assert.is(
    said({ networkHash: 'x', network: 'm' }),
    `the network is not the same (network was "n", now "m"); ${leave}, ${another}`,
  )
  assert.is(
    said({ networkHash: 'x', lr: 2 }),
    `lr was 1, now 2; the network is not the same (network "n"); ${leave}, bring back what it started with, ${another}`,
  )
})

test.run()
