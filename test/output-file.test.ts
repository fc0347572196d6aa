// One rule for files that are written: folders are made, the same kind is replaced, anything else stays.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { builtin } from '../lib/data/builtin.ts'
import { contactSheet } from '../lib/data/contact-sheet.ts'
import { firstBatch } from '../lib/data/load-batches.ts'
import { pngFile } from '../lib/data/png.ts'
import { saveModel } from '../lib/model.ts'
import { cnn } from '../lib/networks/cnn.ts'
import { saveOnnx } from '../lib/onnx/export.ts'
import { writeOutput } from '../lib/output-file.ts'
import { writeMask } from '../lib/pruning/mask.ts'
import { prune } from '../lib/pruning/prune.ts'
import { writeRatios } from '../lib/pruning/ratios.ts'
import { writeSafetensors } from '../lib/safetensors.ts'
import { saveEstimate } from '../lib/training/estimate-file.ts'
import { estimateGradient } from '../lib/training/gradient.ts'
import { deepzero, refused } from './fixtures/command.ts'
import { rejects } from './fixtures/rejects.ts'

const folder = mkdtempSync(join(tmpdir(), 'deepzero-output-'))
test.after(() => rmSync(folder, { recursive: true }))

const network = cnn(1, 2)
const data = builtin({ train: 20, test: 10 })
const estimate = await estimateGradient(network, await firstBatch(data.train, { batchSize: 20 }), {
  threads: 1,
})
const { ratios, mask } = await prune(network, null, { method: 'magnitude', sparsity: 0.5 })
const sheet = await contactSheet(data.train, { perClass: 1 })

const writers: Readonly<Record<string, (path: string) => Promise<void>>> = {
  model: (path) => saveModel(path, network),
  estimate: (path) => saveEstimate(path, network, estimate),
  mask: (path) => writeMask(path, network, mask),
  ratios: (path) => writeRatios(path, ratios),
  onnx: (path) => saveOnnx(path, network),
  png: (path) => writeOutput(path, pngFile, sheet),
}

test('folders are made, the same kind is replaced, another kind, a folder and a device are not', async () => {
  for (const [kind, write] of Object.entries(writers)) {
    const path = join(folder, kind, 'below', kind)
    await write(path)
    await write(path)
    for (const [other, text] of [
      ['json', '{"network": "cnn-1x2"}'],
      ['short', '{'],
      ['text', 'a note of several lines\n'.repeat(500)],
    ] as const) {
      const taken = join(folder, `${kind}.${other}`)
      writeFileSync(taken, text)
      await rejects(
        write(taken),
        'ERR_INVALID_ARGUMENT',
        /expected the path of a new file or of .* another kind/,
      )
      assert.is(readFileSync(taken, 'utf8'), text)
    }
    await rejects(write(folder), 'ERR_INVALID_ARGUMENT', /a folder is there/)
    await rejects(write('/dev/null'), 'ERR_INVALID_ARGUMENT', /a device or the like is there/)
    await rejects(write(join(folder, 'new/')), 'ERR_INVALID_ARGUMENT', /but this is the path of a folder/)
    assert.not.ok(existsSync(join(folder, 'new')))
    writeFileSync(join(folder, `${kind}.empty`), '')
    await write(join(folder, `${kind}.empty`))
  }
})

test('weights are not replaced by an estimate or a mask, nor any of these by another kind', async () => {
  for (const kind of Object.keys(writers)) {
    const path = join(folder, `first-${kind}`)
    await writers[kind]!(path)
    const before = readFileSync(path)
    for (const [other, write] of Object.entries(writers)) {
      // Weights are any safetensors file: others write theirs without a format.
      if (other === kind || (other === 'model' && ['estimate', 'mask'].includes(kind))) continue
      await rejects(write(path), 'ERR_INVALID_ARGUMENT', /another kind of file is there/)
      assert.equal(readFileSync(path), before)
    }
  }
  const path = join(folder, 'plain.safetensors')
  await writeSafetensors(path, [], {})
  await saveModel(path, network)
})

test('neither the configuration of a run that holds ratios nor the files of its checkpoints are replaced', async () => {
  const checkpoint = join(folder, 'kept', 'checkpoints', '1')
  mkdirSync(checkpoint, { recursive: true })
  const config = join(folder, 'kept', 'config.json')
  writeFileSync(config, JSON.stringify({ format: 'deepzero-run/2', ratios }))
  await rejects(writeRatios(config, ratios), 'ERR_INVALID_ARGUMENT', /another kind of file is there/)
  const state = join(checkpoint, 'state.safetensors')
  await saveModel(state, network)
  writeFileSync(join(checkpoint, 'state.json'), '{}')
  await rejects(saveModel(state, network), 'ERR_INVALID_ARGUMENT', /a file of a checkpoint is there/)
})

test('the commands: exit code 2 for a file of another kind, before any work; a missing folder is made', () => {
  const weights = join(folder, 'model', 'below', 'model')
  const config = join(folder, 'config.json')
  writeFileSync(config, '{}')
  for (const flag of ['--safetensors', '--onnx'])
    refused(2, /config\.json: expected/, 'export', weights, flag, config)
  refused(2, /config\.json: expected/, 'estimate', '--weights', weights, '--out', config)
  refused(2, /config\.json: expected/, 'prune', '--network', 'cnn-1x2', '--mask-out', config)
  refused(2, /config\.json: expected/, 'data', 'inspect', 'builtin', '--sheet', config)
  mkdirSync(join(folder, 'run'))
  refused(2, /config\.json: expected .*--force/, 'report', join(folder, 'run'), '--out', config)
  assert.is(readFileSync(config, 'utf8'), '{}')
  const onnx = join(folder, 'no', 'such', 'o.onnx')
  assert.is(deepzero('export', weights, '--onnx', onnx).code, 0)
  assert.ok(existsSync(onnx))
})

test.run()
