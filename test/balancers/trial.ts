/**
 * The trials of every load balancer, with processes and with containers. An instance is killed in
 * the middle of answers that it owns, and all instances are restarted one after another.
 */
import { expect } from 'vitest'

import { within } from '../deadline.ts'
import { until } from '../redis/until.ts'
import { askLong, type LongAnswer, type Outcome, wordsIn } from './long-answer.ts'
import { measureSlowness } from './slowness.ts'

/** Two instances behind a balancer. */
export interface Topology {
  /** The address of the balancer. */
  url: string
  key: string
  /** Sends SIGKILL to an instance; settles when it has ended. */
  kill(index: number): Promise<void>
  /** Sends SIGTERM to an instance; settles when it has ended. */
  stop(index: number): Promise<void>
  /** Starts an instance that has ended; settles when it accepts work. */
  start(index: number): Promise<void>
  /** Runs a script in Redis. Returns its reply, a text. */
  evaluate(script: string, argument: string): Promise<string>
}

export interface TrialLimits {
  /** The longest silence for a client on a machine at rest, in milliseconds. */
  gapMs: number
}

const clients = 12

/**
 * The settings of both instances: an instance that stops closes the streams after 3 s, so that the answers
 * are longer than that.
 */
export const settings = { LOOM_GRACE_MS: '3000' }

/** The length of an answer, in milliseconds: more than two stops and starts. */
const answerMs = 16_000

/** Kills an instance that owns answers. */
export async function passesKill(topology: Topology, { gapMs }: TrialLimits): Promise<void> {
  await untilBothServe(topology)
  const trial = await during(topology, wordsIn(10_000), async (answers) => {
    const before = await ownersOf(topology, answers)
    // Without an answer on both instances, the kill would prove nothing.
    expect(new Set(before).size, JSON.stringify(before)).toBe(2)
    await topology.kill(0)
  })
  await topology.start(0)
  expectServed(trial, gapMs)
}

/** Restarts one instance after another, during answers that are longer than each restart. */
export async function passesRoll(topology: Topology, { gapMs }: TrialLimits): Promise<void> {
  const trial = await during(topology, wordsIn(answerMs), async () => {
    for (const index of [0, 1]) {
      await topology.stop(index)
      await topology.start(index)
    }
  })
  expectServed(trial, gapMs)
}

/** A balancer that has just started may know or trust one instance only. */
async function untilBothServe(topology: Topology): Promise<void> {
  const leaving = new AbortController()
  const ask = { ...topology, words: wordsIn(answerMs), signal: leaving.signal }
  try {
    await until(30_000, 'both instances get answers from the balancer', async () => {
      const answers = [askLong(ask), askLong(ask)]
      for (const { done } of answers) done.catch(() => {})
      await until(20_000, 'two answers have begun', () => answers.every(({ words }) => words > 0))
      return new Set(await ownersOf(topology, answers)).size === 2
    })
  } finally {
    leaving.abort()
  }
}

async function during(
  { url, key }: Topology,
  words: number,
  change: (answers: readonly LongAnswer[]) => Promise<void>,
): Promise<{ outcomes: Outcome[]; slowness: number }> {
  const measuring = measureSlowness()
  const leaving = new AbortController()
  try {
    const ask = { url, key, words, signal: leaving.signal }
    const answers: LongAnswer[] = []
    // One after another: nginx passes all requests that wait for the same reply of the DNS to the same
    // address.
    for (let client = 0; client < clients; client++) {
      const answer = askLong(ask)
      answers.push(answer)
      await until(20_000, 'the answer has begun', () => answer.words > 0)
    }
    await until(20_000, 'every answer goes on', () => answers.every(({ words }) => words > 20))
    await change(answers)
    const ends = Promise.all(answers.map(({ done }) => done))
    const outcomes = await within(answerMs + 30_000, 'the end of every answer', ends)
    return { outcomes, slowness: await measuring.end() }
  } finally {
    leaving.abort()
    await measuring.end()
  }
}

function expectServed(
  { outcomes, slowness }: { outcomes: readonly Outcome[]; slowness: number },
  gapMs: number,
): void {
  const shown = JSON.stringify({ slowness, outcomes })
  expect(
    outcomes.every(({ isWhole }) => isWhole),
    shown,
  ).toBe(true)
  expect(
    outcomes.flatMap(({ refusals }) => refusals),
    shown,
  ).toEqual([])
  // Otherwise the trial would prove nothing.
  expect(
    outcomes.some(({ resumes }) => resumes > 0),
    shown,
  ).toBe(true)
  expect(Math.max(...outcomes.map(({ longestGapMs }) => longestGapMs)), shown).toBeLessThan(
    gapMs * slowness,
  )
}

/** No route shows the owner of a turn. The key has the tenant before the id. */
const ownerScript = `
  local key = redis.call('KEYS', '*' .. ARGV[1] .. '}:session')[1]
  return key and redis.call('HGET', key, 'owner') or ''`

const ownersOf = (topology: Topology, answers: readonly LongAnswer[]): Promise<string[]> =>
  Promise.all(answers.map(({ chatId }) => topology.evaluate(ownerScript, chatId)))
