/** The progress that the tool of an agent reports: soon at first, and never much more than the text itself. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { openProgress } from '../src/agent-tool/progress.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
})
afterEach(() => {
  vi.useRealTimers()
})

/** Reports a text of this length at 100 tokens a second, each with 5 characters. */
async function reportsOf(length: number): Promise<{ atMs: number; text: string }[]> {
  const progress = openProgress()
  const reports: { atMs: number; text: string }[] = []
  const startedAt = performance.now()
  const reading = (async () => {
    for await (const { text } of progress.reports()) {
      reports.push({ atMs: performance.now() - startedAt, text })
    }
  })()
  for (let sent = 0; sent < length; sent += 5) {
    progress.note({ type: 'text-delta', id: 'text', delta: 'word ' })
    await vi.advanceTimersByTimeAsync(10)
  }
  progress.note({ type: 'text-end', id: 'text' })
  await vi.advanceTimersByTimeAsync(60_000)
  progress.end()
  await reading
  return reports
}

describe('the progress of a sub-agent', () => {
  it('appears at least twice a second at first', async () => {
    const times = (await reportsOf(1500)).map(({ atMs }) => atMs)
    expect(times.length).toBeGreaterThan(6)
    for (const [index, atMs] of times.slice(0, -1).entries()) {
      expect(atMs - (times[index - 1] ?? 0)).toBeLessThanOrEqual(500)
    }
  })

  it('of a long text has in all a fixed multiple of its characters', async () => {
    for (const length of [2000, 20_000, 100_000]) {
      const reports = await reportsOf(length)
      const sum = reports.reduce((total, { text }) => total + text.length, 0)
      expect(sum / length).toBeLessThan(11)
    }
  })

  it('ends with the whole text of a block, although it grew by little', async () => {
    const reports = await reportsOf(20_000)
    expect(reports.at(-1)?.text).toBe('word '.repeat(4000))
  })
})
