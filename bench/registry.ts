/**
 * `npm run bench:registry`: the cost of the registry of models in fresh processes: to open it, the
 * first lookup, and every later one. The exit code is 1 if a target is missed.
 */
import { execFileSync } from 'node:child_process'
import { argv, execPath, memoryUsage, stdout } from 'node:process'

import { z } from 'zod'

import { Registry } from '../src/model/registry.ts'
import { percentile } from './statistics.ts'

const rounds = 9
const sample = z.object({
  opened: z.number(),
  first: z.number(),
  later: z.array(z.number()),
  megabytes: z.number(),
})

/** Later lookups use the providers with the most models, and models that do not exist. */
async function measure(): Promise<z.infer<typeof sample>> {
  const before = memoryUsage().rss
  const began = performance.now()
  const registry = new Registry()
  const opened = performance.now() - began
  await registry.model('openrouter', 'anthropic/claude-sonnet-4.6')
  const first = performance.now() - began
  const providers = (await registry.providers()).map(({ id }) => id)
  const later: number[] = []
  for (const provider of providers) {
    for (const model of ['gpt-5', 'openai/gpt-5', 'no-such-model']) {
      const began = performance.now()
      await registry.model(provider, model)
      later.push(performance.now() - began)
    }
  }
  const megabytes = (memoryUsage().rss - before) / 1024 / 1024
  return { opened, first, later, megabytes }
}

function report(): boolean {
  const samples = Array.from({ length: rounds }, () =>
    sample.parse(JSON.parse(execFileSync(execPath, [import.meta.filename, 'once']).toString())),
  )
  const later = samples.flatMap((sample) => sample.later)
  const lines: [name: string, value: number, most: number][] = [
    ['to have it, ms (worst)', Math.max(...samples.map(({ opened }) => opened)), 1],
    [
      'first lookup, ms (p50)',
      percentile(
        samples.map(({ first }) => first),
        0.5,
      ),
      100,
    ],
    ['first lookup, ms (worst)', Math.max(...samples.map(({ first }) => first)), 100],
    ['later lookup, ms (p50)', percentile(later, 0.5), 1],
    ['later lookup, ms (p99)', percentile(later, 0.99), 1],
    [
      'memory, MB (p50)',
      percentile(
        samples.map(({ megabytes }) => megabytes),
        0.5,
      ),
      40,
    ],
  ]
  for (const [name, value, most] of lines) {
    const verdict = value <= most ? 'ok' : 'MISSED'
    stdout.write(
      `${name.padEnd(26)} ${value.toFixed(3).padStart(9)}  at most ${most}  ${verdict}\n`,
    )
  }
  return lines.every(([, value, most]) => value <= most)
}

if (argv[2] === 'once') stdout.write(JSON.stringify(await measure()))
else if (!report()) process.exitCode = 1
