/**
 * Rolling restarts and upgrades of three instances under 200 live conversations. By default, nginx sees
 * the upgrade from the previous version and HAProxy the way back. `ROLLS=1 npx vitest run
 * test/balancers/rolling` runs both ways, and a restart of this version, behind both. It also limits the
 * silences, so it needs a machine without other work.
 */
import { setTimeout as delay } from 'node:timers/promises'

import { expect, it } from 'vitest'

import { within } from '../../deadline.ts'
import { until } from '../../redis/until.ts'
import type { BalancerKind } from '../programs.ts'
import { measureSlowness } from '../slowness.ts'
import { type Conversation, converse, type ConversationReport, type Gap } from './conversation.ts'
import { type Fleet, key, openFleet, type Version } from './fleet.ts'

const conversations = 200
const words = 16
const wordMs = 150

interface Trial {
  kind: BalancerKind
  from: Version
  to: Version
}

const kinds = ['nginx', 'haproxy'] as const
const short: Trial[] = [
  { kind: 'nginx', from: 'previous', to: 'this' },
  { kind: 'haproxy', from: 'this', to: 'previous' },
]
const ways = [
  { from: 'previous', to: 'this' },
  { from: 'this', to: 'previous' },
  { from: 'this', to: 'this' },
] as const
const isLong = process.env['ROLLS'] !== undefined
const trials = !isLong ? short : kinds.flatMap((kind) => ways.map((way) => ({ kind, ...way })))

it.each(trials)(
  'no client notices that $kind gets each instance of $from version as one of $to version',
  { timeout: 300_000 },
  async ({ kind, from: first, to }) => {
    // After the upgrade, the conversations go on with compact messages. Before the way back, they must not begin.
    const isCompact = first === 'previous'
    await using fleet = await openFleet({ kind, version: first, wordMs, isCompact })
    const slowness = measureSlowness()
    let from = 0
    const reports = await during(fleet, async () => {
      from = performance.now()
      await fleet.roll(to)
      if (isCompact) await fleet.compacted()
    })
    const factor = await slowness.end()
    const gaps = reports.map((report) => report.gaps.filter(({ at }) => at > from))
    const longest = gaps.map((each) => Math.max(...each.map(({ ms }) => ms)))
    const at = (share: number) => percentile(longest, share)
    // Each word comes after the pause of the model. A move repeats that pause.
    const of = (kind: Gap['kind']) => {
      const all = gaps.flat().filter((gap) => gap.kind === kind)
      const times = all.map(({ ms }) => ms)
      return `${kind} p50 ${percentile(times, 0.5)} ms, p99 ${percentile(times, 0.99)} ms`
    }
    const sum = (count: (report: ConversationReport) => number) =>
      reports.reduce((total, report) => total + count(report), 0)
    const moved = sum((report) => report.moved)
    process.stderr.write(
      `${kind}, ${first} to ${to}: ${sum(({ answers }) => answers.length)} answers, ${moved} moved, ${sum(({ resumes }) => resumes)} resumed; longest silence p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms; ${of('moved')}; ${of('first')}; ${of('usual')}; slowness ${factor.toFixed(1)}\n`,
    )
    await Promise.all(
      reports.map(async (report) => {
        const { answers, errors, chatId } = report
        const seen = answers.flatMap((answer, turn) => [`turn ${turn} words ${words}`, answer])
        const stored = await storedTexts(fleet, report)
        expect({ errors, stored }, chatId).toEqual({ errors: [], stored: seen })
      }),
    )
    // Otherwise the trial would prove nothing.
    expect(moved).toBeGreaterThan(conversations / 2)
    if (isLong) expect(at(0.5)).toBeLessThan(500 * factor)
  },
)

function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return Math.round(sorted[Math.floor(share * (sorted.length - 1))] ?? 0)
}

/** Converses until the change is over. */
async function during(fleet: Fleet, change: () => Promise<void>): Promise<ConversationReport[]> {
  const ending = new AbortController()
  const leaving = new AbortController()
  const signals = { ending: ending.signal, leaving: leaving.signal }
  try {
    const clients: Conversation[] = []
    // One after another, like real ones: all at once would measure the first requests of new processes.
    for (let client = 0; client < conversations; client++) {
      clients.push(converse({ url: fleet.url, key, words, ...signals }))
      await delay((words * wordMs) / conversations)
    }
    await until(30_000, 'every conversation is live', () => clients.every(({ isLive }) => isLive))
    await change()
    ending.abort()
    const reports = Promise.all(clients.map(({ report }) => report))
    return await within(30_000, 'the end of every conversation', reports)
  } finally {
    leaving.abort()
  }
}

interface StoredMessage {
  parts: { type: string; text?: string }[]
}

async function storedTexts({ url }: Fleet, { chatId }: ConversationReport): Promise<string[]> {
  const headers = { authorization: `Bearer ${key}` }
  const response = await fetch(`${url}/api/chat/${chatId}/messages`, { headers })
  const messages: StoredMessage[] = JSON.parse(await response.text())
  return messages.map(({ parts }) =>
    parts.map(({ type, text = '' }) => (type === 'text' ? text : '')).join(''),
  )
}
