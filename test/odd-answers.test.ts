/**
 * Generated answers with generated deviations of servers, in any pieces, cut off anywhere. Each answer
 * causes one request, no text is lost or doubled, no call runs without its whole arguments, and the
 * finish reason is right.
 */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { z } from 'zod'

import { defineTool } from '../src/define-tool.ts'
import type { Transport } from '../src/model/openai-compatible/transport.ts'
import { createModels } from '../src/model/resolve.ts'
import { delta, done, event } from './fixtures/chat-streams.ts'
import { agentOf, ofType, record } from './recorded-run.ts'

type Json = Record<string, unknown>

const encode = (text: string) => new TextEncoder().encode(text)

/** Bytes between the events of an answer that belong to no event. */
const noise = fc.constantFrom(
  '',
  ': keep-alive\n\n',
  ':\n\n',
  'event: ping\ndata: {"type":"ping"}\n\n',
  'data:\n\n',
  'retry: 10\n\n',
  event({}),
  event([]),
  event(7),
  event({ choices: [] }),
  event({ choices: null }),
  event({ error: null, choices: [{ delta: {} }] }),
  event({ choices: [{ delta: null }] }),
  event({ choices: [{ delta: { role: '', content: null, tool_calls: null } }] }),
  event({ choices: [], prompt_filter_results: [] }),
  event({ code: 0, message: 'ok' }),
)

/** The forms of "no finish reason yet". */
const noReason = fc.constantFrom<(string | null | undefined)[]>(null, '', 'null', undefined)

const pieceOfText = fc.oneof(
  { weight: 5, arbitrary: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('😀', '}{', 'data: x', '\n\n', '[DONE]', '"finish_reason":"stop"'),
  },
  { weight: 1, arbitrary: fc.nat(99).map(String) },
)

type Writer = (text: string, reason: string | null | undefined) => string

const chunk = (fields: Json, reason: string | null | undefined) =>
  event({ id: 1, choices: [{ index: 0, delta: fields, finish_reason: reason }] })

/** The forms of a piece of text. */
const textWriter = fc.constantFrom<Writer[]>(
  (text, reason) => chunk({ content: text }, reason),
  (text, reason) => chunk({ content: [{ type: 'text', text }] }, reason),
  (text, reason) => chunk({ content: [text] }, reason),
  (text, reason) => chunk({ content: { type: 'text', text } }, reason),
  (text, reason) => chunk({ content: isCount(text) ? Number(text) : text }, reason),
  (text, reason) => event({ choices: { delta: { content: text }, finish_reason: reason } }),
  (text, reason) => chunk({ role: 'assistant', content: text, tool_calls: [] }, reason),
)

const isCount = (text: string) => String(Number(text)) === text

interface Call {
  path: string
  style:
    | 'pieces'
    | 'whole'
    | 'object'
    | 'empty name'
    | 'placeholder'
    | 'repeated'
    | 'cumulative'
    | 'flat'
  cuts: number[]
  numericId: boolean
}

const call: fc.Arbitrary<Call> = fc.record({
  path: fc.string({ maxLength: 12 }),
  style: fc.constantFrom(
    'pieces',
    'whole',
    'object',
    'empty name',
    'placeholder',
    'repeated',
    'cumulative',
    'flat',
  ),
  cuts: fc.array(fc.nat(20), { maxLength: 4 }),
  numericId: fc.boolean(),
})

/** The events of one call. */
function callEvents({ path, style, cuts, numericId }: Call, index: number): string[] {
  const input = JSON.stringify({ path })
  const id = numericId ? 100 + index : `call_${index}`
  const write = (called: Json, more: Json = {}) =>
    delta({ tool_calls: [{ index, function: called, ...more }] })
  const parts = cutAt(input, cuts)
  const rest = (from: number) => parts.slice(from).map((text) => write({ arguments: text }))
  switch (style) {
    case 'whole':
      return [write({ name: 'read', arguments: input }, { id })]
    case 'object':
      return [write({ name: 'read', arguments: { path } }, { id })]
    case 'flat':
      return [delta({ tool_calls: [{ index, id, name: 'read', arguments: input }] })]
    case 'pieces':
      return [write({ name: 'read', arguments: parts[0] }, { id, type: 'function' }), ...rest(1)]
    case 'empty name':
      return [
        write({ name: '', arguments: '' }, { id }),
        write({ name: 'read', arguments: parts[0] }),
        ...rest(1),
      ]
    case 'placeholder':
      return [write({ name: 'read', arguments: '{}' }, { id }), ...rest(0)]
    case 'repeated':
      return [
        write({ name: 'read', arguments: parts[0] }, { id }),
        ...rest(1),
        write({ arguments: input }),
      ]
    case 'cumulative':
      return parts.map((_, end) => {
        const text = parts.slice(0, end + 1).join('')
        return end === 0
          ? write({ name: 'read', arguments: text }, { id })
          : write({ arguments: text })
      })
  }
}

/** The text in pieces that are not empty. */
function cutAt(text: string, cuts: readonly number[]): string[] {
  const at = [...new Set(cuts.filter((cut) => cut > 0 && cut < text.length)), text.length]
  return at.toSorted((a, b) => a - b).map((end, index, all) => text.slice(all[index - 1] ?? 0, end))
}
const ending = fc.record({
  reason: fc.constantFrom('stop', 'STOP', 'tool_calls', 'end_turn', 'eos'),
  usage: fc.constantFrom(
    '',
    event({ choices: [], usage: { prompt_tokens: 9, completion_tokens: 5 } }),
    event({ usage: { prompt_tokens: '9', completion_tokens: '5' } }),
    event({ choices: null, usage: { prompt_tokens: 9, total_tokens: 14 } }),
  ),
  last: fc.constantFrom('', done, 'data: [done]\n\n', 'data: [DONE]', 'data: {"us', '<html>'),
})

const answer = fc
  .record({
    texts: fc.array(fc.tuple(pieceOfText, textWriter, noReason, noise), { maxLength: 6 }),
    calls: fc.array(call, { maxLength: 3 }),
    callNoise: noise,
    lineEnd: fc.constantFrom('\n', '\r\n'),
    ending,
  })
  .filter(({ texts, calls }) => texts.length + calls.length > 0)
  .map(({ texts, calls, callNoise, lineEnd, ending: { reason, usage, last } }) => {
    const written = texts.map(([text, write, no, between]) => write(text, no) + between)
    const called = calls.flatMap((made, index) => callEvents(made, index)).join(callNoise)
    const withLineEnds = (text: string) => text.replaceAll('\n', lineEnd)
    const until = withLineEnds(written.join('') + called)
    // The answer is complete after the JSON with the finish reason.
    const decided = until + withLineEnds(delta({}, reason)).trimEnd()
    return {
      text: texts.map(([text]) => text).join(''),
      inputs: calls.map(({ path }) => ({ path })),
      decided: encode(decided).length,
      wire: withLineEnds(
        until === '' ? '' : written.join('') + called + delta({}, reason) + usage + last,
      ),
    }
  })

const pieceLengths = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 12 })

interface Served {
  bytes: Uint8Array
  lengths: readonly number[]
  /** The end of the connection after the bytes. */
  end: 'ends' | 'breaks'
}

/** Sends these bytes as the first answer, "Done." after a tool, and "Again." for all other requests. */
function provider({ bytes, lengths, end }: Served) {
  const state = { requests: 0, afterTool: 0 }
  const transport: Transport = async (request, receiver) => {
    receiver.head({ status: 200, statusText: 'OK', headers: {} })
    const isAfterTool = String(request.body).includes('"role":"tool"')
    if (isAfterTool) state.afterTool++
    else state.requests++
    if (isAfterTool || state.requests > 1) {
      const text = isAfterTool ? 'Done.' : 'Again.'
      await receiver.data(encode(delta({ content: text }, 'stop') + done))
      return
    }
    for (let start = 0, turn = 0; start < bytes.length; turn++) {
      const length = lengths[turn % lengths.length] ?? bytes.length
      if ((await receiver.data(bytes.subarray(start, start + length))) === 'enough') return
      start += length
    }
    if (end === 'breaks') throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
  }
  return { state, transport }
}

async function ask(served: Served) {
  const { state, transport } = provider(served)
  const ran: unknown[] = []
  const read = defineTool({
    name: 'read',
    description: 'Reads.',
    inputSchema: z.looseObject({}),
    execute: (input) => {
      ran.push(input)
      return 'ok'
    },
  })
  const environment = { MOCK_BASE_URL: 'http://test.invalid/v1', MOCK_API_KEY: 'x' }
  const models = createModels({ environment, transport })
  return {
    ...(await record(agentOf({ model: 'mock/x', tools: [read] }), 'Hi', { models })),
    ran,
    state,
  }
}

const texts = ({ message }: Awaited<ReturnType<typeof ask>>) =>
  message.parts.map((part) => (part.type === 'text' ? part.text : '')).join('')

const byPath = (inputs: readonly unknown[]) =>
  inputs.map((input) => JSON.stringify(input)).toSorted()

const runs = { numRuns: 400 }

test('an answer with a finish reason is complete and asked once', async () => {
  const tail = fc.double({ min: 0, max: 1, noNaN: true })
  const property = fc.asyncProperty(
    answer,
    pieceLengths,
    fc.constantFrom<Served['end'][]>('ends', 'breaks'),
    tail,
    async (answer, lengths, end, tail) => {
      const all = encode(answer.wire)
      const bytes = all.subarray(
        0,
        answer.decided + Math.round(tail * (all.length - answer.decided)),
      )
      const run = await ask({ bytes, lengths, end })
      expect(run.error).toBeUndefined()
      expect(run.state).toEqual({ requests: 1, afterTool: answer.inputs.length > 0 ? 1 : 0 })
      expect(byPath(run.ran)).toEqual(byPath(answer.inputs))
      expect(texts(run)).toBe(answer.text + (answer.inputs.length > 0 ? 'Done.' : ''))
      expect(run.result.outcome).toBe('finished')
    },
  )
  await fc.assert(property, runs)
})

test('an answer without a finish reason is never complete', async () => {
  const share = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true })
  const property = fc.asyncProperty(
    answer,
    pieceLengths,
    fc.constantFrom<Served['end'][]>('ends', 'breaks'),
    share,
    async (answer, lengths, end, share) => {
      const bytes = encode(answer.wire).subarray(0, Math.floor(share * (answer.decided - 1)))
      const run = await ask({ bytes, lengths, end })
      // Complete calls may run although the rest is missing: each once, with the right arguments.
      const left = byPath(answer.inputs)
      for (const input of byPath(run.ran)) {
        expect(left).toContain(input)
        left.splice(left.indexOf(input), 1)
      }
      if (run.ran.length > 0) {
        expect(run.state).toEqual({ requests: 1, afterTool: 1 })
        return
      }
      expect(run.state.requests).toBe(2)
      expect(run.result.text).toBe('Again.')
      expect(texts(run)).toBe('Again.')
      expect(ofType(run.events, 'tool-output-available')).toEqual([])
    },
  )
  await fc.assert(property, runs)
})
