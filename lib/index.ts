/** Everything a user imports: one section per folder or concept. */

// Sessions: forward passes and finite differences
export type { Batch } from './batch.ts'
// Coordinates and random numbers
export { allCoordinates, type DrawOptions, uniformSparsity } from './coordinates.ts'
// Data
export { type BatchOptions, batches, stepsPerEpoch } from './data/batches.ts'
export { type BuiltinOptions, builtin, builtinClasses } from './data/builtin.ts'
export { cifar10 } from './data/cifar10.ts'
export type { Dataset, Splits } from './data/dataset.ts'
// Errors
export { DeepZeroError, type ErrorCode, errorCodes } from './errors.ts'
// A black box behind the network as the loss
export {
  type BlackBoxHead,
  type BlackBoxHeadOptions,
  blackBoxHead,
  blackBoxHeadDefaults,
  type HeadBatchFunction,
  type HeadDifferencesOptions,
  type HeadDifferencesResult,
  type HeadForwardOptions,
  type HeadFunction,
} from './estimators/black-box-head.ts'
// Gradient check
export { type CosineLine, cosineDefaults, estimatorCosines } from './gradcheck/cosines.ts'
export { checkRandom, checkReference } from './gradcheck/gradcheck.ts'
export { type Reference, readReference } from './gradcheck/reference.ts'
// Model files
export { loadModel, loadWeights, saveModel } from './model.ts'
export type { NativeDevice as Device, NetworkLayout, NetworkSpec, OpSpec, TensorInfo } from './native.ts'
// Networks
export { cnn } from './networks/cnn.ts'
export { networkByName, networkNames } from './networks/index.ts'
export {
  type Conv2dOptions,
  describeNetwork,
  initialNetwork,
  type Network,
  type NetworkBuilder,
  networkBuilder,
} from './networks/network.ts'
export {
  cifarResnet,
  type NetworkOptions,
  resnet8,
  resnet20,
  resnet32,
  resnet44,
  resnet56,
  resnet110,
} from './networks/resnet.ts'
// Optimisers and schedules
export { type Sgd, type SgdState, sgd, sgdState, sgdStep } from './optimisers/sgd.ts'
export {
  type PerturbedOutput,
  type PerturbedOutputs,
  type PerturbedOutputsOptions,
  perturbedOutputsDefaults,
} from './perturbed-outputs.ts'
// Training and runs
export { type Preset, presetByName, presets } from './presets.ts'
export {
  type IntegerSource,
  integers,
  Purpose,
  permutation,
  type RandomKey,
  randomNormal,
  randomWords,
  sample,
} from './random.ts'
export { readMetrics } from './runs/metrics.ts'
export { version } from './runs/version.ts'
export { readSafetensors, type Safetensors, writeSafetensors } from './safetensors.ts'
export { constant, cosine, learningRate, type Schedule, stepwise } from './schedules/schedule.ts'
export { createSession, type Session, type SessionTensor } from './session.ts'
export {
  type DeviceChoice,
  type DifferencesOptions,
  type DirectionKind,
  differencesDefaults,
  type ForwardOptions,
  forwardDefaults,
  type RandomDifferencesOptions,
  randomDifferencesDefaults,
  type SessionOptions,
  type Statistics,
  sessionDefaults,
  type Weights,
} from './session-options.ts'
export type { DifferencesResult, ForwardResult, RandomDifferencesResult } from './session-results.ts'
export { type Evaluation, evaluate } from './training/evaluate.ts'
export type {
  CheckpointEvent,
  EndEvent,
  EpochEvent,
  StartEvent,
  StepEvent,
  TrainEvent,
} from './training/events.ts'
// A baseline: what a data set gives away to a linear classifier
export { type LinearOutcome, type LinearSetting, softmaxRegression } from './training/linear.ts'
export { type TrainSettings, trainingOptions } from './training/options.ts'
export { type TrainOptions, train } from './training/train.ts'
