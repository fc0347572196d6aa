/** `deepzero export`: the weights of a run or of a file as an ONNX model, or as safetensors. */
import { existsSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { refusal } from '../check.ts'
import { DeepZeroError } from '../errors.ts'
import { loadModel, loadWeights, saveModel } from '../model.ts'
import { foldBatchNorm } from '../networks/fold-batch-norm.ts'
import { networkByName } from '../networks/index.ts'
import type { Network } from '../networks/network.ts'
import { ONNX_OPSET, onnxFile, saveOnnx } from '../onnx/export.ts'
import { prepareOutput } from '../output-file.ts'
import { readConfig } from '../runs/config.ts'
import { readPointer } from '../runs/resume-point.ts'
import { safetensorsFile } from '../safetensors.ts'
import { normalisationMetadata, readNormalisation } from '../training/normalisation.ts'
import type { OptionTable, Values } from '../training/options.ts'
import { sourceOptions } from '../training/source.ts'
import { bold } from './colours.ts'
import { Exit } from './exit.ts'
import { flagOf } from './flags.ts'
import { jsonOption } from './json-option.ts'

const file = (description: string) =>
  ({ type: 'text', default: null, placeholder: 'FILE', decides: false, description }) as const
const flag = (description: string) =>
  ({ type: 'boolean', default: false, decides: false, description }) as const

export const exportTable = {
  onnx: file(`Write an ONNX model (opset ${ONNX_OPSET}, any number of images)`),
  safetensors: file("Write safetensors with PyTorch's names and shapes"),
  foldBatchNorm: flag('Make batch norm a part of the layer in front of it'),
  normalise: flag('The ONNX model takes pixels in [0, 1] and normalises them itself'),
  checkpoint: {
    type: 'choice',
    default: 'latest',
    choices: ['latest', 'best'],
    decides: false,
    description: 'Which checkpoint of a run',
  },
  network: {
    ...sourceOptions.network,
    description: 'Network of a weights file that does not name it, such as one from PyTorch',
  },
  classes: {
    type: 'integer',
    default: 10,
    min: 1,
    decides: false,
    onlyBeside: ['network'],
    description: 'Classes of that network',
  },
  json: jsonOption,
} as const satisfies OptionTable

type ExportSettings = Values<typeof exportTable>

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true

/** The weights file that a path stands for: itself, that of a checkpoint, or that of a run's checkpoint. */
async function weightsOf(source: string, checkpoint: ExportSettings['checkpoint']): Promise<string> {
  const inside = join(source, 'model.safetensors')
  const one = isFolder(source) ? inside : source
  if (existsSync(one) && checkpoint !== exportTable.checkpoint.default)
    throw refusal(
      flagOf('checkpoint'),
      `to be left out unless the source is a run directory, as ${source} is not`,
      checkpoint,
    )
  if (one === source || existsSync(inside)) return one
  const folder = await readPointer(source, checkpoint)
  if (folder !== null) return join(source, folder, 'model.safetensors')
  throw new DeepZeroError(
    'ERR_RUN',
    `${source}: expected a run directory with a ${checkpoint} checkpoint, it has none; give one, or a weights file`,
  )
}

/** Class names of the run that weights belong to, as metadata. */
async function classesOf(weights: string): Promise<Record<string, string>> {
  const run = /^(.*)\/checkpoints\/[\w-]+\/model\.safetensors$/.exec(resolve(weights))?.[1]
  const config = run === undefined ? null : await readConfig(run)
  return Array.isArray(config?.classes) ? { classes: JSON.stringify(config.classes) } : {}
}

export async function runExport(source: string, settings: ExportSettings): Promise<number> {
  const { onnx, safetensors, foldBatchNorm: fold, normalise, json } = settings
  if (onnx === null && safetensors === null)
    throw new DeepZeroError(
      'ERR_INVALID_ARGUMENT',
      '--onnx, --safetensors: expected a file to write, received none',
    )
  if (normalise && onnx === null)
    throw new DeepZeroError('ERR_INVALID_ARGUMENT', '--normalise: expected --onnx beside it, received none')
  // Both before either is written.
  if (onnx !== null) await prepareOutput(onnx, onnxFile)
  if (safetensors !== null) await prepareOutput(safetensors, safetensorsFile)
  const weights = await weightsOf(source, settings.checkpoint)
  const network =
    settings.network === null
      ? await loadModel(weights)
      : await loadWeights(weights, networkByName(settings.network, { classes: settings.classes }))
  const normalisation = await readNormalisation(weights, network.spec.input[0])
  if (normalise && normalisation === null)
    throw new DeepZeroError(
      'ERR_MODEL',
      `${weights}: expected a normalisation in its metadata for --normalise, it has none; leave the flag out`,
    )
  const classes = await classesOf(weights)
  const metadata = {
    ...classes,
    ...(normalisation === null ? {} : normalisationMetadata(normalisation)),
  }
  if (onnx !== null)
    await saveOnnx(onnx, network, {
      foldBatchNorm: fold,
      normalisation: normalise ? normalisation : null,
      // A model that normalises by itself must not ask for it again.
      metadata: normalise ? classes : metadata,
    })
  const folded = fold ? foldBatchNorm(network) : network
  if (safetensors !== null) await saveModel(safetensors, folded, undefined, undefined, metadata)
  const what = { weights, onnx, opset: onnx === null ? null : ONNX_OPSET, safetensors, foldBatchNorm: fold }
  process.stdout.write(
    json ? `${JSON.stringify({ network: network.spec.name, ...what })}\n` : text(network, what),
  )
  return Exit.done
}

const text = (
  { spec }: Network,
  { weights, onnx, safetensors, foldBatchNorm: fold }: { weights: string } & Partial<ExportSettings>,
): string =>
  [
    `${bold(spec.name)} of ${weights}${fold ? ', batch norm folded' : ''}`,
    ...(onnx ? [`ONNX, opset ${ONNX_OPSET}: ${onnx}`] : []),
    ...(safetensors ? [`safetensors: ${safetensors}`] : []),
    '',
  ].join('\n')
