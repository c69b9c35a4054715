/**
 * Checks a recorded answer with every supported reader: the parser, schemas and message builder of
 * each AI SDK, also of the first releases, which refuse unknown fields.
 */
import { expect } from 'vitest'

import type { Profile } from '../../src/wire/frames.ts'
import { type Client, clients } from '../clients.ts'
import type { Message } from '../clients.ts'
import type { Exchange } from './live-server.ts'
import { plainMessage } from './plain.ts'

/** Returns the message that all readers build. Undefined if the answer contains an error. */
export async function readByAll(
  exchange: Exchange,
  profile: Profile | undefined,
): Promise<object | undefined> {
  const { text, posted } = exchange
  const chunks = chunksOf(text)
  const started = posted.messages.find(({ id }) => id === messageIdIn(chunks))
  const failure = chunks.find(({ type }) => type === 'error')
  const messages = new Map<string, object>()
  for (const { name, read } of readersOf(profile, text + JSON.stringify(started))) {
    if (failure === undefined) messages.set(name, plainMessage(await read(text, started)))
    else await expect(read(text, started), name).rejects.toThrow(String(failure.errorText))
  }
  const [first] = messages.values()
  for (const [name, message] of messages) expect(message, name).toEqual(first)
  return first
}

/** ai 5 has no approvals, and a step can be withdrawn only since ai 7.0.70. */
function readersOf(profile: Profile | undefined, all: string): readonly Client[] {
  const hasApprovals = all.includes('"type":"tool-approval-request"') || all.includes('"approval":')
  const resets = all.includes('"type":"reset-step"')
  return clients.filter(
    ({ major, strict }) =>
      (profile === undefined || profile === `v${major}`) &&
      !(hasApprovals && major === 5) &&
      !(resets && strict),
  )
}

interface Chunk {
  type: string
  messageId?: string
  errorText?: string
}

/** Also checks the frames: an id on every event, each greater than the one before, and the end. */
export function chunksOf(text: string): Chunk[] {
  const events = text.split('\n\n').filter((event) => !event.startsWith(':'))
  expect(events.splice(-2), 'the end').toEqual(['data: [DONE]', ''])
  let last = [0, 0, 0]
  return events.map((event) => {
    const [, time = '', entry = '', index = '', json = ''] =
      /^id: (\d+)-(\d+)\.(\d+)\ndata: (\{[^\n]*\})$/.exec(event) ?? []
    expect(json, `an event with an id: ${event}`).not.toBe('')
    const id = [Number(time), Number(entry), Number(index)]
    expect(isAfter(id, last), `${id.join()} comes after ${last.join()}`).toBe(true)
    last = id
    const chunk: Chunk = JSON.parse(json)
    return chunk
  })
}

function isAfter(id: readonly number[], last: readonly number[]): boolean {
  const at = id.findIndex((number, index) => number !== last[index])
  return at !== -1 && (id[at] ?? 0) > (last[at] ?? 0)
}

function messageIdIn(chunks: readonly Chunk[]): Message['id'] | undefined {
  return chunks.find(({ type }) => type === 'start')?.messageId
}
