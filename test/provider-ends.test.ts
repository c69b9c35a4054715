/**
 * The end of an answer, from bytes on a socket to the message. The first of these decides: a reported
 * error, a finish reason, the end of the body.
 */
import type { ServerResponse } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'

import { describe, expect, it } from 'vitest'

import { delta, done, event } from './fixtures/chat-streams.ts'
import { runWithServer } from './fixtures/run-with-server.ts'
import { eventStream } from './fixtures/upstream.ts'
import { ofType } from './recorded-run.ts'

const usage = event({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 5 } })
const text = delta({ content: 'Hel' }) + delta({ content: 'lo' })
const whole = text + delta({}, 'stop') + usage + done
const call = (input: string | undefined) =>
  delta({ tool_calls: [{ index: 0, id: 'a', function: { name: 'read', arguments: input } }] })

/** What servers and proxies do instead of a regular end of the response. */
const ends: Record<string, (response: ServerResponse) => void> = {
  'breaks the connection': (response) => {
    setImmediate(() => response.destroy())
  },
  'resets the connection': (response) => {
    setImmediate(() => response.socket?.resetAndDestroy())
  },
  'stays open': () => {},
  'stays open and sends pings': (response) => {
    const timer = setInterval(() => response.write(`: ping\n\n${event({ choices: [] })}`), 50)
    response.once('close', () => clearInterval(timer))
  },
}

describe.each(Object.entries(ends))('a server that, after the finish reason, %s', (_, end) => {
  const rest = { 'with usage': usage, 'without usage': '' }

  it.each(Object.entries(rest))(
    'the answer is complete and asked for once: %s',
    async (_, usage) => {
      const { message, asked, error, result } = await runWithServer(({ response }) => {
        eventStream(response).write(text + delta({}, 'stop') + usage)
        end(response)
      })
      expect(error).toBeUndefined()
      expect(message.parts).toMatchObject([{ type: 'step-start' }, { type: 'text', text: 'Hello' }])
      expect(asked).toHaveLength(1)
      expect(result.usage.inputTokens).toBe(usage === '' ? 0 : 9)
    },
  )

  it('the calls of a complete answer run once', async () => {
    const { asked, ran, result } = await runWithServer(({ response, isAfterTool }) => {
      if (isAfterTool) return void eventStream(response).end(whole)
      eventStream(response).write(call('{"path":"a"}') + delta({}, 'tool_calls'))
      end(response)
    })
    expect(ran).toEqual([{ path: 'a' }])
    expect(result.text).toBe('Hello')
    expect(asked).toHaveLength(2)
  })
})

it('the client waits briefly for usage after the finish reason', async () => {
  const { result } = await runWithServer(async ({ response }) => {
    eventStream(response).write(text + delta({}, 'stop'))
    // Shorter than the wait for the rest of a complete answer.
    await delay(100)
    response.write(usage)
  })
  expect(result.usage).toMatchObject({ inputTokens: 9, outputTokens: 5 })
})

it('the client reads on if content follows a finish reason', async () => {
  const { result, asked } = await runWithServer(async ({ response }) => {
    eventStream(response).write(delta({ reasoning: 'Hm' }, 'stop'))
    // Longer than the wait for the rest of a complete answer.
    await delay(1500)
    response.end(whole)
  })
  expect(result.text).toBe('Hello')
  expect(asked).toHaveLength(1)
})

it('the client reads on if each delta has a finish reason', async () => {
  const { result, asked } = await runWithServer(async ({ response }) => {
    eventStream(response).write(delta({ content: 'H' }, 'stop') + delta({ content: 'el' }, 'stop'))
    // Longer than the wait for the rest of a complete answer.
    await delay(1500)
    response.end(delta({ content: 'lo' }, 'stop') + done)
  })
  expect(result.text).toBe('Hello')
  expect(asked).toHaveLength(1)
})

const failures =
  'error network_error abort insufficient_system_resource rate_limit_exceeded server_busy preempted connection_lost DeadlineExceeded'

it.each(failures.split(' '))('the finish reason %s causes another request', async (reason) => {
  const { result, asked, ran } = await runWithServer(({ response, number }) => {
    const broken = text + call('{"path":"a"}') + delta({}, reason) + done
    eventStream(response).end(number === 1 ? broken : whole)
  })
  expect(asked).toHaveLength(2)
  expect(ran).toEqual([])
  expect(result).toMatchObject({ text: 'Hello', finishReason: 'stop' })
})

it.each([
  ['sensitive', 'content-filter'],
  ['model_context_window_exceeded', 'length'],
  ['something_new', 'other'],
  // Compounds of known words, in the spellings of all APIs.
  ['contentFilter', 'content-filter'],
  ['IMAGE_RECITATION', 'content-filter'],
  ['guardrail_blocked', 'content-filter'],
  ['MaxTokens', 'length'],
  ['token_limit_reached', 'length'],
  ['context_overflow', 'length'],
  ['length_exceeded', 'length'],
  ['stop_string', 'stop'],
  ['EndTurn', 'stop'],
])('the finish reason %s means %s', async (word, finishReason) => {
  const { result, asked } = await runWithServer(({ response }) => {
    eventStream(response).end(text + delta({}, word) + done)
  })
  expect(result).toMatchObject({ text: 'Hello', finishReason })
  expect(asked).toHaveLength(1)
})

it('empty finish reasons alone cause another request', async () => {
  const { result, asked } = await runWithServer(({ response, number }) => {
    eventStream(response).end(number === 1 ? delta({ content: 'Half' }, '') : whole)
  })
  expect(asked).toHaveLength(2)
  expect(result.text).toBe('Hello')
})

describe('a tool call that was cut off', () => {
  it.each([undefined, '', '{"path":"a'])(
    'a call cut off by the length does not run: %s',
    async (input) => {
      const { ran, asked, events } = await runWithServer(({ response, isAfterTool }) => {
        if (isAfterTool) return void eventStream(response).end(whole)
        eventStream(response).end(
          delta({ content: 'Well. ' }) + call(input) + delta({}, 'length') + done,
        )
      })
      expect(ran).toEqual([])
      const [error] = ofType(events, 'tool-input-error')
      expect(error?.errorText).toMatch(/length limit.*not run/s)
      expect(asked[1]).toContain(error?.errorText)
    },
  )

  it.each(['max_tokens_reached', 'ContentFilter'])(
    'a call does not run after the finish reason %s',
    async (reason) => {
      const { ran, asked } = await runWithServer(({ response, isAfterTool }) => {
        if (isAfterTool) return void eventStream(response).end(whole)
        eventStream(response).end(call('') + delta({}, reason) + delta({}, 'stop') + done)
      })
      expect(ran).toEqual([])
      expect(asked).toHaveLength(2)
    },
  )

  it("a call cut off by the body's end does not run", async () => {
    const { ran, asked } = await runWithServer(({ response, number }) => {
      eventStream(response).end(number === 1 ? call('') + delta({}, '') : whole)
    })
    expect(ran).toEqual([])
    expect(asked).toHaveLength(2)
  })

  it('complete calls of a cut-off answer run', async () => {
    const second = { index: 1, id: 'b', function: { name: 'read', arguments: '' } }
    const { ran, asked } = await runWithServer(({ response, isAfterTool }) => {
      if (isAfterTool) return void eventStream(response).end(whole)
      const calls = call('{"path":"a"}') + delta({ tool_calls: [second] })
      eventStream(response).end(calls + delta({}, 'length') + done)
    })
    expect(ran).toEqual([{ path: 'a' }])
    expect(asked).toHaveLength(2)
  })
})

it('a call without arguments runs in a complete answer', async () => {
  const { ran } = await runWithServer(({ response, isAfterTool }) => {
    eventStream(response).end(isAfterTool ? whole : call('') + delta({}, 'tool_calls') + done)
  })
  expect(ran).toEqual([{}])
})

describe('a sign of life', () => {
  const signs = { 'a comment': ': wait\n\n', 'an empty delta': delta({}), 'a ping': event({}) }
  const limits = { firstChunkMs: 1200, nextChunkMs: 1200, stepMs: 60_000 }

  it.each(Object.entries(signs))(
    'a sign of life restarts the limit on silence: %s',
    async (_, sign) => {
      const { result, asked } = await runWithServer(
        async ({ response }) => {
          eventStream(response)
          const live = async () => {
            // Together longer than the limit on silence.
            for (let beat = 0; beat < 8; beat++) {
              response.write(sign)
              await delay(200)
            }
          }
          await live()
          response.write(delta({ content: 'Hel' }))
          await live()
          response.end(delta({ content: 'lo' }) + delta({}, 'stop') + done)
        },
        { limits: limits },
      )
      expect(result.text).toBe('Hello')
      expect(asked).toHaveLength(1)
    },
  )

  it('a sign of life never extends the limit of the step', async () => {
    const { error } = await runWithServer(
      ({ response }) => {
        const timer = setInterval(() => response.write(': wait\n\n'), 50)
        response.once('close', () => clearInterval(timer))
        eventStream(response)
      },
      { limits: { ...limits, stepMs: 600 }, retry: { retries: 0 } },
    )
    expect(error?.message).toMatch(/took longer than 600 ms/)
  })
})
