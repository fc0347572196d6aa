/**
 * The losses that the engine knows, means over a batch: `crossEntropy`, the softmax cross-entropy of classes, and
 * `meanSquaredError`, the mean over the outputs of (output − target)². Any other loss is a black-box head.
 */
export const lossNames = ['crossEntropy', 'meanSquaredError'] as const

/** Name of a loss. */
export type LossName = (typeof lossNames)[number]
