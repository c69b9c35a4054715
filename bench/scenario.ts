/**
 * The scenarios, their sizes, and Loom's targets. A target is a ratio of two contenders in the same
 * run. Ratios hold from machine to machine; microseconds do not.
 */
import type { ContenderName } from './contender.ts'
import type { Measures } from './measures.ts'
import { firstToken } from './scenario/first-token.ts'
import { manyStreams } from './scenario/many-streams.ts'
import { oneStream } from './scenario/one-stream.ts'
import type { Stage } from './stage.ts'

export interface Target {
  measure: string
  /** The ratio is the value of this contender, one of the Looms … */
  of: 'loom' | 'redis' | 'openai'
  /** … divided by that of this contender … */
  over: ContenderName
  /** … and is at most this. */
  most: number
}

export interface Scenario {
  title: string
  targets: readonly Target[]
  run: (stage: Stage, quick: boolean) => Promise<Measures>
}

export const scenarioNames = ['one-stream', 'many-streams', 'first-token'] as const
export type ScenarioName = (typeof scenarioNames)[number]

export const scenarios: Readonly<Record<ScenarioName, Scenario>> = {
  'one-stream': {
    title: 'One stream, unthrottled: the cost of a token for the server',
    targets: [
      { measure: 'CPU µs/token', of: 'loom', over: 'stock', most: 1 / 10 },
      { measure: 'CPU µs/token', of: 'redis', over: 'stock', most: 1 / 7 },
      { measure: 'CPU µs/token', of: 'openai', over: 'loom', most: 1.15 },
    ],
    run: oneStream,
  },
  'many-streams': {
    title: '50 streams of 50 tokens/s: the cost of a token for the server',
    targets: [
      { measure: 'CPU µs/token', of: 'loom', over: 'stock', most: 1 / 3.5 },
      { measure: 'CPU µs/token', of: 'loom', over: 'relay', most: 1.6 },
      { measure: 'CPU µs/token', of: 'redis', over: 'stock', most: 1 / 2 },
      { measure: 'CPU µs/token', of: 'openai', over: 'loom', most: 1.15 },
    ],
    run: manyStreams,
  },
  'first-token': {
    title: 'First token: the delay that the server adds to the upstream’s own',
    targets: [
      { measure: 'p50 ms', of: 'loom', over: 'stock', most: 1 / 2 },
      { measure: 'p99 ms', of: 'loom', over: 'stock', most: 1 / 2 },
    ],
    run: firstToken,
  },
}
