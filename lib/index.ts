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
// Estimators for any function
export { type Block, blocksOf } from './estimators/active-set.ts'
export type { BatchFunction, PointFunction } from './estimators/closed-loop.ts'
export type { DirectionKind } from './estimators/direction.ts'
export { cge, cgeQueries, rge, rgeQueries } from './estimators/estimate.ts'
export type {
  CgeOptions,
  CgeSettings,
  EvaluationOptions,
  FloatArray,
  RgeOptions,
  RgeSettings,
} from './estimators/options.ts'
export type { Estimate } from './estimators/plan.ts'
export type { Queries, QueriesState, Query } from './estimators/queries.ts'
export type { RandomEstimate } from './estimators/randomised.ts'
// Gradient check
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
export {
  createSession,
  type DeviceChoice,
  type DifferencesOptions,
  type DifferencesResult,
  differencesDefaults,
  type ForwardOptions,
  type ForwardResult,
  forwardDefaults,
  type Session,
  type SessionOptions,
  type SessionTensor,
  type Statistics,
  sessionDefaults,
  type Weights,
} from './session.ts'
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
