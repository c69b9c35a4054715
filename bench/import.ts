/**
 * `npm run bench:import`: the cost of `import 'loomkit'` in fresh processes, beside bare Node and
 * `import 'ai'`. It measures the built library. The exit code is 1 if a target is missed.
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { execPath, stdout } from 'node:process'
import { pathToFileURL } from 'node:url'

import { z } from 'zod'

import { buildLibrary } from '../bin/build/library.ts'
import { place, root } from '../bin/build/place.ts'
import { median } from './statistics.ts'

const rounds = 9
const sample = z.object({
  milliseconds: z.number(),
  cpuMilliseconds: z.number(),
  megabytes: z.number(),
})
type Sample = z.infer<typeof sample>

/** The program has no other import, so that Node's own share is the same for all. */
const program = (name: string | undefined) => `
  const used = process.cpuUsage()
  const began = performance.now()
  ${name === undefined ? '' : `await import(${JSON.stringify(name)})`}
  const milliseconds = performance.now() - began
  const { user, system } = process.cpuUsage(used)
  const cpuMilliseconds = (user + system) / 1000
  const megabytes = process.memoryUsage().rss / 1024 / 1024
  process.stdout.write(JSON.stringify({ milliseconds, cpuMilliseconds, megabytes }))`

function measure(name: string | undefined): Sample {
  const words = ['--input-type=module', '--eval', program(name)]
  return sample.parse(JSON.parse(execFileSync(execPath, words, { cwd: root }).toString()))
}

await buildLibrary()
const samples = Array.from({ length: rounds }, () => ({
  node: measure(undefined),
  ai: measure('ai'),
  loom: measure(pathToFileURL(join(place.library, 'src/index.js')).href),
}))

const medianOf = (contender: 'node' | 'ai' | 'loom', measure: keyof Sample) =>
  median(samples.map((round) => round[contender][measure]))

const targets = [
  ['time, ms', 'milliseconds', 300],
  ['processor time, ms', 'cpuMilliseconds', 300],
  ['memory, MB', 'megabytes', 30],
] as const
stdout.write(`${'above bare Node'.padEnd(20)}${'ai'.padStart(8)}${'loom'.padStart(8)}\n`)
for (const [name, measure, most] of targets) {
  const above = (contender: 'ai' | 'loom') =>
    medianOf(contender, measure) - medianOf('node', measure)
  const verdict = above('loom') <= most ? 'ok' : 'MISSED'
  if (verdict !== 'ok') process.exitCode = 1
  const values = [above('ai'), above('loom')].map((value) => value.toFixed(1).padStart(8)).join('')
  stdout.write(`${name.padEnd(20)}${values}  at most ${most}  ${verdict}\n`)
}
