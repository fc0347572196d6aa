/** Everything a user imports: one section per folder or concept. */

// Sessions: forward passes and finite differences
export type { Batch } from './batch.ts'
// Coordinates and random numbers
export { allCoordinates, type DrawOptions, layerWiseRandom, uniformSparsity } from './coordinates.ts'
// Data
export { batches } from './data/batches.ts'
export { type BuiltinOptions, builtin, builtinClasses } from './data/builtin.ts'
export { cifar10 } from './data/cifar10.ts'
export { type Cifar100Options, cifar100, type LabelKind } from './data/cifar100.ts'
export { contactSheet, type SheetOptions } from './data/contact-sheet.ts'
export {
  type Dataset,
  type Inputs,
  type LabelledBatch,
  type LabelledImages,
  type ReadInputs,
  type RegressionBatch,
  type RegressionDataset,
  type Shape,
  type Splits,
  select,
} from './data/dataset.ts'
export { type BatchOptions, stepsPerEpoch } from './data/epoch.ts'
export type { DownloadOptions } from './data/fetch/download.ts'
export { type Fetched, type FetchOptions, fetchData } from './data/fetch/fetch-data.ts'
export { type Source, type SourceFile, type SourceName, sources } from './data/fetch/sources.ts'
export { type ImageFolderOptions, imageFolder } from './data/image-folder.ts'
export { type DataFacts, type InspectOptions, inspect, type SplitFacts } from './data/inspect.ts'
export { firstBatch, type LoadOptions, loadBatches } from './data/load-batches.ts'
export { mnist } from './data/mnist.ts'
export { detectFormat, type Format, formats, type OpenDataOptions, openFolder } from './data/open-data.ts'
export {
  type ArraysOptions,
  fromArrays,
  fromIterable,
  type IterableOptions,
  type Sample,
  splitsOf,
} from './data/own.ts'
export { meanAndDeviation } from './data/statistics.ts'
// Errors
export { DeepZeroError, type ErrorCode, errorCodes } from './errors.ts'
// Estimators for any function
export { type Block, blocksOf } from './estimators/active-set.ts'
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
export { type CosineLine, type CosineOptions, cosineDefaults, estimatorCosines } from './gradcheck/cosines.ts'
export {
  type CheckLine,
  type CheckOptions,
  type CheckResult,
  checkRandom,
  checkReference,
  type Errors,
} from './gradcheck/gradcheck.ts'
export { type Reference, readReference } from './gradcheck/reference.ts'
// Model files
export { loadModel, loadWeights, saveModel } from './model.ts'
export type {
  Attribute,
  NativeDevice as Device,
  NativeSessionDevice as SessionDevice,
  NetworkLayout,
  NetworkSpec,
  OpSpec,
  TensorInfo,
} from './native.ts'
// Networks
export { cnn } from './networks/cnn.ts'
export { type ConvRegressionOptions, convRegression } from './networks/conv-regression.ts'
export { dncnn } from './networks/dncnn.ts'
export { foldBatchNorm } from './networks/fold-batch-norm.ts'
export { networkByName, networkNames } from './networks/index.ts'
export { type LossName, lossNames } from './networks/loss.ts'
export {
  type BuilderOptions,
  describeNetwork,
  initialNetwork,
  type Network,
  type NetworkBuilder,
  networkBuilder,
  type Value,
} from './networks/network.ts'
export type {
  BatchNorm2dOptions,
  Conv2dOptions,
  LeakyReluOptions,
  LinearOptions,
  OpOptions,
  Pair,
  PoolOptions,
  ShortcutAOptions,
  Upsample2dOptions,
} from './networks/op-options.ts'
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
export { resnet18 } from './networks/resnet18.ts'
// ONNX
export { exportOnnx, ONNX_OPSET, type OnnxOptions, saveOnnx } from './onnx/export.ts'
// Optimisers and schedules
export { type Adam, type AdamState, adam, adamState, adamStep } from './optimisers/adam.ts'
export { type AmsgradState, amsgradState, amsgradStep } from './optimisers/amsgrad.ts'
export { clipByNorm, clipByValue } from './optimisers/clip.ts'
export { type Sgd, type SgdState, sgd, sgdState, sgdStep } from './optimisers/sgd.ts'
export {
  type SignSgd,
  type SignSgdState,
  signSgd,
  signSgdState,
  signSgdStep,
} from './optimisers/signsgd.ts'
export type { WeightDecay } from './optimisers/weight-decay.ts'
export {
  type PerturbedOutput,
  type PerturbedOutputs,
  type PerturbedOutputsOptions,
  perturbedOutputsDefaults,
} from './perturbed-outputs.ts'
// Training and runs
export { type Preset, presetByName, presets } from './presets.ts'
// Pruning: scores, layer ratios, masks
export { ratioCorrelation, spearman } from './pruning/correlation.ts'
export { ratiosFromScores, type Scores, topMask } from './pruning/counts.ts'
export { readMask, writeMask } from './pruning/mask.ts'
export { type PruningMethod, type PruningSettings, pruningOptions } from './pruning/options.ts'
export { type PruneOptions, type PruneResult, prune, zoGrasp } from './pruning/prune.ts'
export {
  type LayerRatio,
  type LayerRatios,
  type Ratios,
  readRatios,
  writeRatios,
} from './pruning/ratios.ts'
export { ratiosTable } from './pruning/table.ts'
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
// Reports of runs
export { type ReportSettings, reportOptions } from './report/options.ts'
export type { Missing } from './report/run-reader.ts'
export {
  type ReportedRun,
  type ReportOptions,
  type WrittenReport,
  writeReport,
} from './report/write-report.ts'
export { readMetrics } from './runs/metrics.ts'
export { version } from './runs/version.ts'
export {
  readSafetensors,
  type Safetensors,
  type Tensor,
  type TensorData,
  writeSafetensors,
} from './safetensors.ts'
export { type OneCycle, oneCycle } from './schedules/one-cycle.ts'
export {
  constant,
  cosine,
  learningRate,
  type Schedule,
  type Stepwise,
  stepwise,
} from './schedules/schedule.ts'
export { type Smoothing, smoothingStep } from './schedules/smoothing.ts'
export { createSession, type Session, type SessionTensor } from './session.ts'
export {
  type DeviceChoice,
  type DifferencesOptions,
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
// Gradient estimates by themselves
export { saveEstimate } from './training/estimate-file.ts'
export { histogramBounds, type LayerStatistics } from './training/estimate-statistics.ts'
export { type Evaluation, evaluate } from './training/evaluate.ts'
export type {
  CheckpointEvent,
  EndEvent,
  EpochEvent,
  EstimatesEvent,
  StartEvent,
  StepEvent,
  TrainEvent,
} from './training/events.ts'
export {
  type EstimateOptions,
  type EstimateSettings,
  estimateGradient,
  type GradientEstimate,
} from './training/gradient.ts'
export type { EndReason } from './training/limits.ts'
// A baseline: what a data set gives away to a linear classifier
export { type LinearOutcome, type LinearSetting, softmaxRegression } from './training/linear.ts'
export { type TrainSettings, trainingOptions } from './training/options.ts'
export { type Plan, planTraining } from './training/plan.ts'
export { type TrainOptions, train } from './training/train.ts'
