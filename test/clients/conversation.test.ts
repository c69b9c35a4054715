/**
 * The clients of ai 5, 6 and 7, in their first and latest releases, hold one conversation with a
 * live server.
 */
import { describe, expect, it } from 'vitest'

import { fieldOf, isFields } from '../../src/ground/fields.ts'
import { sdks } from './chat-client.ts'
import { outlineOf } from './plain.ts'
import { play, playReference } from './play.ts'
import { expectQuiet } from './quiet.ts'
import { readByAll } from './readable.ts'

const outlineAt = (messages: unknown, index = -1): string[] =>
  outlineOf(Array.isArray(messages) ? messages.at(index) : undefined)

/**
 * The parts of a history that stay equal after it was at the client. The AI SDK puts a call's
 * metadata on its result too, returns results in the order of their calls, and reports an old
 * denial as an error.
 */
function historyOf(prompt: unknown): unknown {
  return JSON.parse(JSON.stringify(prompt), (_key, value: unknown) => {
    if (!isFields(value)) return value
    const { type, role, content } = value
    if (type === 'execution-denied') return { type: 'error-text', value: value['reason'] }
    if (type === 'tool-result') return { ...value, providerOptions: undefined }
    return role === 'tool' && Array.isArray(content)
      ? { ...value, content: content.toSorted(byCallId) }
      : value
  })
}

const byCallId = (one: unknown, other: unknown) =>
  String(fieldOf(one, 'toolCallId')).localeCompare(String(fieldOf(other, 'toolCallId')))

expectQuiet()

describe('a whole conversation is the same for', () => {
  for (const sdk of sdks) {
    for (const profile of [undefined, `v${sdk.major}`] as const) {
      it(`${sdk.name} with ${profile ?? 'no'} profile, and for every reader of it`, async () => {
        const expected = await playReference()
        const { seen, prompts, exchanges, reported } = await play(sdk, profile)
        for (const turn of Object.keys(seen)) expect(seen[turn], turn).toEqual(expected.seen[turn])
        expect(prompts).toEqual(expected.prompts.slice(0, prompts.length))
        expect(reported.map(String)).toEqual([
          'LoomError: The model failed: the model is out',
          'LoomError: The model failed: the wire was cut',
        ])
        let cut = 0
        for (const exchange of exchanges) {
          if (await exchange.whole) await readByAll(exchange, profile)
          else cut++
        }
        expect(cut, 'the one that was stopped').toBe(1)
        const titled = exchanges.some(({ text }) => text.includes('"title":"Weather"'))
        expect(titled).toBe(profile === 'v6' || profile === 'v7')
      })
    }
  }
})

describe('a conversation', () => {
  it('shows all parts in order', async () => {
    const { seen } = await playReference()
    expect(outlineAt(seen['tools'])).toEqual([
      'step-start',
      'reasoning The sky is blue.',
      'text Let me look. ',
      'tool-weather output-available',
      'step-start',
      'tool-weather output-available',
      'tool-clock output-available',
      'dynamic-tool lookup output-available',
      'step-start',
      'tool-broken output-error the pipe burst',
      'tool-add output-error The input does not fit the tool:',
      'tool-add output-error The input is not JSON (Unexpected end of JSON input): {"a":',
      expect.stringMatching(/^dynamic-tool teleport output-error There is no tool "teleport"/),
      'step-start',
      'tool-add output-available',
      'dynamic-tool stumble output-error it stumbled',
      'step-start',
      'source-url',
      'source-document',
      'file',
      'text It is "mild" — 21 °C 🌤.',
    ])
    expect(outlineAt(seen['a sub-agent'])).toEqual([
      'step-start',
      'tool-researcher output-available',
      'step-start',
      'text The researcher says: mild.',
    ])
  })

  it('continues in the same message after an answer', async () => {
    const { seen } = await playReference()
    expect(outlineAt(seen['client tools: the third answer'])).toEqual([
      'step-start',
      'text Two questions. ',
      'tool-ask output-available',
      'tool-weather output-available',
      'tool-ask output-error the user left',
      'step-start',
      'tool-ask output-available',
      'step-start',
      'text So be it.',
    ])
    expect(outlineAt(seen['approvals: and an answer beside it'])).toEqual([
      'step-start',
      'tool-remove output-available',
      'tool-remove output-denied',
      'step-start',
      'tool-remove output-error it is locked',
      'tool-ask output-available',
      'step-start',
      'text One is gone.',
    ])
  })

  it('keeps the text before a failure and a stop', async () => {
    const { seen } = await playReference()
    expect(outlineAt(seen['failures: at once'])).toEqual(['step-start'])
    expect(outlineAt(seen['failures: half way'])).toEqual(['step-start', 'text Half an '])
    expect(outlineAt(seen['a stop'])).toEqual([
      'step-start',
      'text streaming As I was ',
      'tool-weather input-streaming',
    ])
  })

  it('ends at an edited message', async () => {
    const { seen } = await playReference()
    const messages = seen['second thoughts: edited']
    expect(outlineAt(messages)).toEqual(['step-start', 'text To another question.'])
    expect(outlineAt(messages, -2)).toEqual(['text Have it looked up later.'])
    expect(outlineAt(messages, -3)).toEqual(['step-start', 'text A whole answer.'])
  })

  it('sends the model the same history after a reload', async () => {
    const { prompts } = await playReference()
    const histories = prompts.map(historyOf)
    const grown = histories.flatMap((prompt, index) => {
      const before = histories[index - 1]
      if (!Array.isArray(prompt) || !Array.isArray(before)) return []
      // Three edits cut the history, and the first prompt has no history.
      return prompt.length > before.length ? [[prompt.slice(0, before.length), before]] : []
    })
    expect(grown).toHaveLength(histories.length - 4)
    for (const [again, live] of grown) expect(again).toEqual(live)
  })

  it('sends only the headers for clients', async () => {
    const { exchanges } = await playReference()
    for (const { headers } of exchanges) {
      expect(headers.get('content-type')).toBe('text/event-stream')
      expect([...headers.keys()].toSorted()).toEqual([
        'cache-control',
        'connection',
        'content-security-policy',
        'content-type',
        'cross-origin-opener-policy',
        'cross-origin-resource-policy',
        'date',
        'keep-alive',
        'referrer-policy',
        'transfer-encoding',
        'x-accel-buffering',
        'x-content-type-options',
        'x-frame-options',
        'x-loom-session',
        'x-request-id',
        'x-vercel-ai-ui-message-stream',
      ])
    }
  })
})
