/**
 * Teaches a robot on two wheels to stay upright and drive to a place, in a simulator that has no gradient: Rapier
 * (https://rapier.rs), a rigid-body engine in WebAssembly, with friction between wheel and ground, a motor that
 * saturates, pushes, and falls. The policy is a network of 37 weights from four measurements to the torque. It is
 * trained by Adam on estimates of `cge` and of `rge`, with as many evaluations for one as for the other, and then put to
 * manoeuvres that it was not trained on.
 *
 *     node --import tsx examples/balancing-robot.ts [--short]
 *
 * A project of its own imports from 'deepzero-native'.
 */
import RAPIER from '@dimforge/rapier2d-deterministic-compat'
import { cge, Purpose, randomNormal, rge } from '../lib/index.ts'

// --- The robot, in metres, kilograms, seconds and newton metres; seen from the side, so both wheels are one.

const [RADIUS, WHEEL, BODY, HEIGHT, TORQUE] = [0.1, 2, 8, 0.3, 10]
const [RATE, SECONDS] = [60, 6]
/** Leaning further is a fall. */
const FALL = 1

interface Manoeuvre {
  /** At the start, in radians; forward is positive. */
  readonly lean?: number
  /** Where to go from 0. */
  readonly goal?: number
  /** Impulse on the body after two seconds, in newton seconds. */
  readonly push?: number
  /** Of the ground, upwards, in radians. */
  readonly slope?: number
  /** Added to the body. */
  readonly payload?: number
}

const training: readonly Manoeuvre[] = [
  { lean: 0.1, goal: -1 },
  { lean: -0.1, push: 4 },
  { goal: 1, push: -4 },
]
const unseen: readonly Manoeuvre[] = [
  { goal: 1, push: 5 },
  { goal: -1, push: 2, payload: 2 },
  { lean: 0.15, slope: 0.03 },
  { lean: -0.15, push: -5 },
]

/** Torque as a share of the largest one, from lean, its rate, speed, and distance to the goal. */
type Policy = (lean: number, leanRate: number, speed: number, distance: number) => number

interface Outcome {
  /** Mean over time of lean² + distance²/4, at most 1 at any time, and 1 after a fall. */
  readonly cost: number
  /** Seconds before the fall, or all. */
  readonly upright: number
  /** From the goal at the end. */
  readonly distance: number
}

function simulate(policy: Policy, manoeuvre: Manoeuvre): Outcome {
  const { lean: leaning = 0, goal = 0, push = 0, slope = 0, payload = 0 } = manoeuvre
  // The ground stays level, and gravity is turned instead.
  const world = new RAPIER.World({ x: -9.81 * Math.sin(slope), y: -9.81 * Math.cos(slope) })
  world.timestep = 1 / RATE
  const { ColliderDesc, RigidBodyDesc } = RAPIER
  world.createCollider(ColliderDesc.cuboid(50, 1).setTranslation(0, -1).setFriction(1))
  const wheel = world.createRigidBody(RigidBodyDesc.dynamic().setTranslation(0, RADIUS))
  world.createCollider(ColliderDesc.ball(RADIUS).setMass(WHEEL).setFriction(1), wheel)
  const body = world.createRigidBody(
    RigidBodyDesc.dynamic()
      .setTranslation(0, RADIUS)
      .setRotation(-leaning - slope),
  )
  // A sensor has mass and touches nothing.
  const box = ColliderDesc.cuboid(0.06, 0.25)
    .setTranslation(0, HEIGHT)
    .setMass(BODY + payload)
  world.createCollider(box.setSensor(true), body)
  const axle = { x: 0, y: 0 }
  world.createImpulseJoint(RAPIER.JointData.revolute(axle, axle), body, wheel, true)

  const steps = RATE * SECONDS
  let cost = 0
  let step = 0
  for (; step < steps; ++step) {
    const lean = -body.rotation() - slope
    const distance = wheel.translation().x - goal
    if (Math.abs(lean) > FALL) break
    cost += Math.min(1, lean ** 2 + distance ** 2 / 4)
    const torque = TORQUE * policy(lean, -body.angvel(), body.linvel().x, distance)
    wheel.resetTorques(true)
    wheel.addTorque(-torque, true)
    body.resetTorques(true)
    body.addTorque(torque, true)
    if (step === 2 * RATE) body.applyImpulse({ x: push, y: 0 }, true)
    world.step()
  }
  const distance = wheel.translation().x - goal
  world.free()
  return { cost: (cost + steps - step) / steps, upright: step / RATE, distance }
}

// --- The policy: 4 measurements, HIDDEN units with tanh, 1 output with tanh.

const HIDDEN = 6
const COUNT = 4 * HIDDEN + HIDDEN + HIDDEN + 1

function policyOf(weights: Float64Array): Policy {
  return (lean, leanRate, speed, distance) => {
    const measured = [4 * lean, leanRate, speed / 2, distance]
    let output = weights[COUNT - 1]!
    for (let h = 0; h < HIDDEN; ++h) {
      let sum = weights[4 * HIDDEN + h]!
      for (let i = 0; i < 4; ++i) sum += weights[4 * h + i]! * measured[i]!
      output += weights[5 * HIDDEN + h]! * Math.tanh(sum)
    }
    return Math.tanh(output)
  }
}

const mean = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0) / values.length

/** The black box: weights in, cost out. */
const cost = (weights: Float64Array): number =>
  mean(training.map((manoeuvre) => simulate(policyOf(weights), manoeuvre).cost))

/** Random weights of the order of 1/√inputs, biases 0. */
function initialWeights(): Float64Array {
  const normal = randomNormal({ seed: 1, purpose: Purpose.initialisation }, COUNT)
  return Float64Array.from(normal, (value, i) => {
    if (i < 4 * HIDDEN) return value / 2
    return i >= 5 * HIDDEN && i < 6 * HIDDEN ? (0.3 * value) / Math.sqrt(HIDDEN) : 0
  })
}

// --- Training: Adam (Kingma and Ba, 2015) with a rate that falls to 0.

const budget = process.argv.includes('--short') ? 200 : 1600
const LEARNING_RATE = 0.1
const DIRECTIONS = 8
/** Wide enough to look over the edges of the cost, where one more manoeuvre ends in a fall. */
const MU = 0.05

const estimators = {
  cge: (weights: Float64Array) => cge(cost, weights, { mu: MU }),
  rge: (weights: Float64Array, step: number) =>
    rge(cost, weights, { mu: MU, count: DIRECTIONS, first: step * DIRECTIONS, seed: 1 }),
}

async function trained(name: keyof typeof estimators): Promise<Float64Array> {
  const weights = initialWeights()
  const first = new Float64Array(COUNT)
  const second = new Float64Array(COUNT)
  const perStep = name === 'cge' ? COUNT + 1 : DIRECTIONS + 1
  const steps = Math.floor(budget / perStep)
  for (let step = 0; step < steps; ++step) {
    const { gradient, value } = await estimators[name](weights, step)
    if (step % Math.ceil(steps / 8) === 0)
      console.log(`${name}, ${step * perStep} evaluations: cost ${value?.toFixed(4)}`)
    const rate = LEARNING_RATE * (1 - step / steps)
    gradient.forEach((g, i) => {
      first[i] = 0.9 * first[i]! + 0.1 * g
      second[i] = 0.99 * second[i]! + 0.01 * g * g
      const deviation = Math.sqrt(second[i]! / (1 - 0.99 ** (step + 1)))
      weights[i]! -= (rate * first[i]!) / (1 - 0.9 ** (step + 1)) / (deviation + 1e-8)
    })
  }
  return weights
}

function report(name: string, weights: Float64Array): void {
  const outcomes = unseen.map((manoeuvre) => simulate(policyOf(weights), manoeuvre))
  const upright = outcomes.map((outcome) => outcome.upright.toFixed(1)).join(', ')
  const distance = mean(outcomes.map((outcome) => Math.abs(outcome.distance)))
  console.log(
    `${name}: cost ${cost(weights).toFixed(4)}; ${unseen.length} unseen manoeuvres: upright for ${upright} ` +
      `of ${SECONDS} s, at the end ${distance.toFixed(2)} m from the goal`,
  )
}

await RAPIER.init()
console.log(`${COUNT} weights, ${budget} evaluations of ${training.length} simulations for each estimator`)
report('before', initialWeights())
for (const name of ['cge', 'rge'] as const) report(`after ${name}`, await trained(name))
