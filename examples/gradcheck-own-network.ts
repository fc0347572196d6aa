/**
 * Builds a network op by op and measures how exact its finite differences are: difference propagation and two float32
 * passes, both against two float64 passes at the same μ, relative in the 2-norm. Ends with exit code 1 when difference
 * propagation is off by more than 1e-3.
 *
 *     node --import tsx examples/gradcheck-own-network.ts [--short]
 *
 * A project of its own imports from 'deepzero-native'.
 */
import { createSession, networkBuilder, Purpose, randomNormal, sample } from '../lib/index.ts'

const short = process.argv.includes('--short')

/** A 5×5 convolution with bias, a residual block, a pooled branch, and a linear layer of four classes. */
const net = networkBuilder('mine', [3, 16, 16])
let x = net.conv2d('stem', net.input, { out: 8, kernel: 5, padding: 2, bias: true })
x = net.relu('stem.relu', net.batchNorm2d('stem.bn', x))
let y = net.conv2d('block.conv', x, { out: 16, kernel: 3, stride: 2, padding: 1 })
y = net.batchNorm2d('block.bn', y)
x = net.relu(
  'block.relu',
  net.add('block.add', y, net.shortcutA('block.shortcut', x, { out: 16, stride: 2 })),
)
x = net.maxPool2d('pool', x, { kernel: 2 })
net.linear('fc', net.globalAvgPool('mean', x), { out: 4 })
const network = net.build({ seed: 3 })

const count = 8
const batch = {
  input: randomNormal({ seed: 3, purpose: Purpose.syntheticData }, count * 3 * 16 * 16),
  target: Int32Array.from({ length: count }, (_, i) => i % 4),
}
/** Some coordinates of every parameter. */
const coordinates = network.layout.parameters.flatMap(({ offset, size }, stream) =>
  [...sample({ seed: 3, purpose: Purpose.coordinates, stream }, size, Math.min(size, short ? 3 : 20))].map(
    (element) => offset + element,
  ),
)

function relativeError(actual: Float32Array, expected: Float32Array): number {
  let difference = 0
  let norm = 0
  expected.forEach((e, i) => {
    difference += (actual[i]! - e) ** 2
    norm += e ** 2
  })
  return Math.sqrt(difference / norm)
}

const session = createSession(network)
try {
  console.log(
    `${network.layout.parameterCount} parameters, ${coordinates.length} queried, ${session.device.isa}`,
  )
  console.log('mu       propagation   two float32 passes')
  for (const mu of [1e-2, 1e-4, 1e-6]) {
    const exact = await session.differences(batch, coordinates, { mu, method: 'two-pass-f64' })
    const propagated = await session.differences(batch, coordinates, { mu })
    const plain = await session.differences(batch, coordinates, { mu, method: 'two-pass' })
    const error = relativeError(propagated.values, exact.values)
    const text = (value: number): string => value.toExponential(1).padEnd(13)
    console.log(`${String(mu).padEnd(8)} ${text(error)} ${text(relativeError(plain.values, exact.values))}`)
    // Written so that NaN fails.
    if (!(error <= 1e-3)) process.exitCode = 1
  }
} finally {
  session.dispose()
}
