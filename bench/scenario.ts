/**
 * What is measured, in what size, and what Loom is held to. A target is a ratio of two contenders in
 * the same run: ratios hold from machine to machine where microseconds do not.
 */
import type { ContenderName } from './contender.ts'
import { firstToken } from './scenario/first-token.ts'
import { manyStreams } from './scenario/many-streams.ts'
import { oneStream } from './scenario/one-stream.ts'
import type { Stage } from './stage.ts'

/** Measured values by name; the unit is the last word of the name. */
export type Measures = Readonly<Record<string, number>>

export interface Target {
  measure: string
  /** Loom's value over that of this contender … */
  over: ContenderName
  /** … is at most this. */
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
    title: 'One stream, unthrottled: what a token costs the server',
    targets: [{ measure: 'CPU µs/token', over: 'stock', most: 1 / 10 }],
    run: oneStream,
  },
  'many-streams': {
    title: '50 streams of 50 tokens/s: what a token of a live stream costs the server',
    targets: [
      { measure: 'CPU µs/token', over: 'stock', most: 1 / 3.5 },
      { measure: 'CPU µs/token', over: 'relay', most: 1.6 },
    ],
    run: manyStreams,
  },
  'first-token': {
    title: 'First token: the delay that the server adds to the upstream’s own',
    targets: [
      { measure: 'p50 ms', over: 'stock', most: 1 / 2 },
      { measure: 'p99 ms', over: 'stock', most: 1 / 2 },
    ],
    run: firstToken,
  },
}
