/** The clients of ai 5, 6 and 7, now and as they first were, hold one conversation with a live server. */
import { describe, expect, it, vi } from 'vitest'

import { fieldOf, isFields } from '../../src/conversation/fields.ts'
import type { Profile } from '../../src/frames.ts'
import { type ChatSdk, sdks } from './chat-client.ts'
import { type Exchange, openServer } from './live-server.ts'
import { openPlayer, wait } from './player.ts'
import { expectQuiet } from './quiet.ts'
import { readByAll } from './readable.ts'
import { approvals, turns } from './scenario.ts'
import { openAgent } from './test-agent.ts'

interface Played {
  /** The client's messages after every turn. */
  seen: Readonly<Record<string, unknown>>
  /** What the model was asked, call by call. */
  prompts: unknown[]
  exchanges: readonly Exchange[]
  reported: unknown[]
}

async function play(sdk: ChatSdk, profile: Profile | undefined): Promise<Played> {
  const program = sdk.major === 5 ? turns : [...turns, approvals]
  const replies = program.flatMap(({ replies }) => replies)
  const progressSeen = () =>
    vi.waitFor(() => expect(exchanges.at(-1)?.text).toContain('"preliminary":true'), wait)
  const { agent, model } = openAgent(replies, { progressSeen })
  await using server = await openServer([agent])
  const { player, exchanges } = openPlayer(sdk, server.api, profile)
  for (const turn of program) await turn.play(player, turn.name)
  expect(model.asked, 'every reply was asked for').toHaveLength(replies.length)
  const prompts = model.asked.map(({ prompt }): unknown => JSON.parse(JSON.stringify(prompt)))
  return { seen: player.seen, prompts, exchanges, reported: server.reported }
}

let reference: Promise<Played> | undefined
/** What the others are held against: ai 7, with no profile declared. */
const playReference = () => (reference ??= play(sdkOf('ai 7'), undefined))

function sdkOf(name: string): ChatSdk {
  const sdk = sdks.find((sdk) => sdk.name === name)
  if (sdk === undefined) throw new Error(`there is no ${name}`)
  return sdk
}

/** A message as one line a part, to be read by people. */
function outlineOf(messages: unknown, index = -1): string[] {
  const message: unknown = Array.isArray(messages) ? messages.at(index) : undefined
  const parts = fieldOf(message, 'parts')
  return (Array.isArray(parts) ? parts : []).map((part: unknown) =>
    ['type', 'toolName', 'state', 'text', 'errorText']
      .map((name) => fieldOf(part, name))
      .filter((value) => value !== undefined && value !== 'done')
      .map((value) => String(value).split('\n')[0])
      .join(' '),
  )
}

/**
 * What is left equal when a history has been at the client: the AI SDK hangs a call's metadata on its
 * result too, gives results in the order of their calls, and tells an old denial as an error.
 */
function asTold(prompt: unknown): unknown {
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
          'LoomError: The run was aborted.',
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
  it('shows everything that happened, in order', async () => {
    const { seen } = await playReference()
    expect(outlineOf(seen['tools'])).toEqual([
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
    expect(outlineOf(seen['a sub-agent'])).toEqual([
      'step-start',
      'tool-researcher output-available',
      'step-start',
      'text The researcher says: mild.',
    ])
  })

  it('goes on in the same message after a client has answered', async () => {
    const { seen } = await playReference()
    expect(outlineOf(seen['client tools: the third answer'])).toEqual([
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
    expect(outlineOf(seen['approvals: and an answer beside it'])).toEqual([
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

  it('keeps what was said before a failure and before a stop', async () => {
    const { seen } = await playReference()
    expect(outlineOf(seen['failures: at once'])).toEqual(['step-start'])
    expect(outlineOf(seen['failures: half way'])).toEqual(['step-start', 'text Half an '])
    expect(outlineOf(seen['a stop'])).toEqual([
      'step-start',
      'text streaming As I was ',
      'tool-weather input-streaming',
    ])
  })

  it('ends where it was cut by second thoughts', async () => {
    const { seen } = await playReference()
    const messages = seen['second thoughts: edited']
    expect(outlineOf(messages)).toEqual(['step-start', 'text To another question.'])
    expect(outlineOf(messages, -2)).toEqual(['text Have it looked up later.'])
    expect(outlineOf(messages, -3)).toEqual(['step-start', 'text A whole answer.'])
  })

  it('tells the model the same history again that it had live', async () => {
    const { prompts } = await playReference()
    const told = prompts.map(asTold)
    const grown = told.flatMap((prompt, index) => {
      const before = told[index - 1]
      if (!Array.isArray(prompt) || !Array.isArray(before)) return []
      // Three times a history was cut, and the first has none before it.
      return prompt.length > before.length ? [[prompt.slice(0, before.length), before]] : []
    })
    expect(grown).toHaveLength(told.length - 4)
    for (const [again, live] of grown) expect(again).toEqual(live)
  })

  it('sends no headers but those that are for clients', async () => {
    const { exchanges } = await playReference()
    for (const { headers } of exchanges) {
      expect(headers.get('content-type')).toBe('text/event-stream')
      expect([...headers.keys()].toSorted()).toEqual([
        'cache-control',
        'connection',
        'content-type',
        'date',
        'keep-alive',
        'transfer-encoding',
        'x-accel-buffering',
        'x-vercel-ai-ui-message-stream',
      ])
    }
  })
})
