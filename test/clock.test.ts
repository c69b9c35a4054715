import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'

import { clock } from '../tools/clock.ts'

function ask(input: { timeZone?: string }): unknown {
  const signal = new AbortController().signal
  return clock.execute?.(input, {
    toolCallId: 'call',
    messages: [],
    signal,
    abortSignal: signal,
    context: undefined,
    idempotencyKey: 'key',
    conversation: 'conversation',
    principal: '',
    sessionId: undefined,
    messageId: 'message',
    agent: 'test',
    depth: 0,
    run: () => Promise.reject(new Error('a clock runs no agent')),
  })
}

describe('the clock', () => {
  beforeEach(() => void vi.useFakeTimers({ now: Date.UTC(2026, 10, 22, 23, 5, 9) }))
  afterEach(() => void vi.useRealTimers())

  it.each([
    ['UTC', '2026-11-22T23:05:09Z', 'Sunday, 22 November 2026 at 23:05'],
    ['Europe/Berlin', '2026-11-23T00:05:09+01:00', 'Monday, 23 November 2026 at 00:05'],
    ['Asia/Kathmandu', '2026-11-23T04:50:09+05:45', 'Monday, 23 November 2026 at 04:50'],
    ['America/St_Johns', '2026-11-22T19:35:09-03:30', 'Sunday, 22 November 2026 at 19:35'],
  ])('tells the time in %s', (timeZone, iso, text) => {
    expect(ask({ timeZone })).toMatchObject({ iso, text })
  })

  it('returns the same instant in every zone', () => {
    const zones = Intl.supportedValuesOf('timeZone')
    expect(zones.length).toBeGreaterThan(300)
    for (const timeZone of zones) {
      const output = ask({ timeZone })
      const iso = new Map<string, unknown>(Object.entries(output ?? {})).get('iso')
      expect(Date.parse(String(iso)), timeZone).toBe(Date.UTC(2026, 10, 22, 23, 5, 9))
    }
  })

  it("uses the server's zone by default", () => {
    const { timeZone } = new Intl.DateTimeFormat().resolvedOptions()
    expect(ask({})).toEqual(ask({ timeZone }))
    expect(ask({})).toMatchObject({ timeZone })
  })

  it.each(['Atlantis', 'Europe/Nowhere', '', '../etc/passwd'])(
    'refuses the zone "%s"',
    (timeZone) => {
      expect(() => ask({ timeZone })).toThrow(
        `Unknown time zone "${timeZone}". Use an IANA name such as "Europe/Berlin" or "UTC".`,
      )
    },
  )

  it('is safe to repeat after a crash', () => {
    expect(clock.retry).toBe('safe')
  })
})
