// After `npm run prebuildify`: records the SHA-256 of every file under prebuilds/ in prebuilds/sha256.json. The loader
// takes a prebuilt binary that is as recorded without a look from a child process first (lib/binary/inspect.ts).
const { createHash } = require('node:crypto')
const { readdirSync, readFileSync, writeFileSync } = require('node:fs')
const path = require('node:path')

const folder = path.join(__dirname, '../prebuilds')
const sums = {}
for (const target of readdirSync(folder).sort()) {
  if (target.includes('.')) continue
  for (const file of readdirSync(path.join(folder, target)).sort()) {
    const content = readFileSync(path.join(folder, target, file))
    sums[`${target}/${file}`] = createHash('sha256').update(content).digest('hex')
  }
}
writeFileSync(path.join(folder, 'sha256.json'), `${JSON.stringify(sums, undefined, 2)}\n`)
