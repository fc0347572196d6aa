/** `deepzero train --dry-run`: what would run and what it would cost, on this machine; nothing is trained or written. */
import type { Splits } from '../data/dataset.ts'
import type { Network } from '../networks/network.ts'
import { count, duration } from '../report/format.ts'
import type { TrainSettings } from '../training/options.ts'
import { type Plan, planTraining } from '../training/plan.ts'
import type { SourceSettings } from '../training/source.ts'
import { bold } from './colours.ts'
import { Exit } from './exit.ts'

export async function runDry(
  network: Network,
  data: Splits,
  source: SourceSettings,
  settings: TrainSettings,
  { preset, json, signal }: { preset: string | null; json: boolean; signal: AbortSignal },
): Promise<number> {
  const plan = await planTraining(network, data, { ...settings, signal })
  const configuration = { ...(preset === null ? {} : { preset }), ...source, ...settings }
  process.stdout.write(
    json
      ? `${JSON.stringify({ configuration, plan })}\n`
      : `${JSON.stringify(configuration, null, 2)}\n${lines(network, data, source, settings, plan).join('\n')}\n`,
  )
  return Exit.done
}

/** 1234567 → "1.2e6". */
const roughly = (n: number): string => n.toExponential(1).replace('e+', 'e')

function lines(
  network: Network,
  data: Splits,
  { prune }: SourceSettings,
  { batchSize, epochs }: TrainSettings,
  plan: Plan,
): string[] {
  const { measured, stepsPerEpoch } = plan
  const rate = Math.round(measured.queriesPerSecond)
  return [
    `${bold(network.spec.name)} on ${data.name}: ${count(plan.parameters)} parameters, ${count(plan.coordinates)} in use`,
    `a step:  ${count(plan.queriesPerStep)} queries and ${roughly(plan.multiplyAddsPerStep)} multiply-adds on ${batchSize} images; ` +
      `${count(stepsPerEpoch)} steps an epoch`,
    `the run: ${count(plan.steps)} steps in ${epochs} epochs, ${roughly(plan.queries)} queries`,
    `here:    ${count(rate)} queries/s (${measured.device} ${measured.isa}, ${measured.threads} threads, ` +
      `${count(measured.sampledQueries)} queries timed): a step in ${duration(measured.secondsPerStep)}, ` +
      `an epoch in ${bold(duration(measured.secondsPerEpoch))}, the run in ${duration(measured.seconds)}`,
    `memory:  ${count(Math.ceil(measured.peakMemory / 2 ** 20))} MiB of this process at the peak of the measurement, data included`,
    ...(prune === 'none'
      ? []
      : [`before it ${prune} finds the layer ratios; this plan counts the sparsity in every layer instead`]),
  ]
}
