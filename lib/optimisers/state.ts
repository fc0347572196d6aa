/**
 * What all optimisers share. Each is a trio: settings as plain data, a state made for `count` parameters, and
 *
 *     step(parameters, gradient, state, lr, settings, active?)
 *
 * which moves `parameters` and `state` in place. Arithmetic is float64, in the order of the flat vector; every value is
 * rounded to float32 once per step, when it is stored. With `active` (indices into the flat vectors, none twice) only
 * those parameters and their state are touched; without, all of them, a parameter without an estimate with gradient 0.
 */
import { refusal } from '../check.ts'

/** What an optimiser remembers: named vectors, each as long as the flat parameters, all 0 before the first step. */
export type OptimiserState = Readonly<Record<string, Float32Array | Uint32Array>>

/** Throws ERR_INVALID_ARGUMENT unless gradient and state are as long as the parameters. */
export function requireLengths(count: number, gradient: Float32Array, state: OptimiserState): void {
  for (const [name, vector] of Object.entries({ gradient, ...state })) {
    if (vector.length !== count)
      throw refusal(name, `${count} values, as many as there are parameters`, vector)
  }
}
