/**
 * Loom's chat-completions client compared with `@ai-sdk/openai-compatible`, over the same bytes.
 *
 * Parts are normalised before the comparison: two errors are equal even if their messages differ, a
 * generated tool call id is a number, and empty argument deltas are left out (Loom sends none). Two
 * differences apply everywhere, because the runner needs them. Where the stock client errors its web
 * stream, or reports "no finish reason" before any event, Loom sends an `error` part and a `finish`, or
 * rejects with an error that may be retried. And in an answer that was cut off, also by its length, Loom
 * returns no call with incomplete arguments. An event at the end of a body counts without its line end
 * if its JSON is complete. `openai-compatible-reading.test.ts` has a case for everything that Loom reads
 * and the stock client does not (names that are empty first, placeholders, numbers, whole JSON answers
 * and more). No stream here has reasoning that a provider counts beside its completion tokens
 * (`provider-streams.test.ts`). A count that is missing in a report is unknown to Loom and 0 to the stock
 * client.
 */
import { APICallError } from '@ai-sdk/provider'
import type { LanguageModelV4StreamPart, LanguageModelV4Usage } from '@ai-sdk/provider'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { StructuredText } from '../src/model/openai-compatible/structured-text.ts'
import { hello, loomModel, stockModel } from './fixtures/byte-transport.ts'
import { chatStreams, delta, done, event } from './fixtures/chat-streams.ts'
import { collectParts, collectStream } from './fixtures/collected-parts.ts'
import type { Collected } from './fixtures/collected-parts.ts'

const encode = (text: string) => new TextEncoder().encode(text)
const whole = (text: string) => [encode(text)]
const eachByte = (text: string) => Array.from(encode(text), (byte) => Uint8Array.of(byte))

const ours = (pieces: readonly Uint8Array[]) => collectParts(loomModel(pieces), hello)
const stock = (pieces: readonly Uint8Array[]) => collectStream(stockModel(pieces), hello)

type Part = LanguageModelV4StreamPart

/** @param wire the sent bytes: ids that are not in them were generated */
function normalised(parts: readonly Part[], wire: string): unknown[] {
  const generated = new Map<string, string>()
  const name = (id: string) => {
    if (wire.includes(JSON.stringify(id)) && !generated.has(id)) return id
    const known = generated.get(id) ?? `generated ${generated.size}`
    generated.set(id, known)
    return known
  }
  return parts.map(withoutForm).flatMap((part): unknown[] => {
    if (part.type === 'error') return [{ type: 'error' }]
    if (part.type === 'finish') return [{ ...part, usage: counted(part.usage) }]
    if (part.type === 'tool-call') return [{ ...part, toolCallId: name(part.toolCallId) }]
    if (part.type === 'tool-input-delta' && part.delta === '') return []
    if (part.type.startsWith('tool-input') && 'id' in part) return [{ ...part, id: name(part.id) }]
    return [part]
  })
}

/** Removes the form of an answer, which only Loom has: test/providers/ tests it. */
function withoutForm(part: Part): Part {
  if (!('providerMetadata' in part) || part.providerMetadata?.['loom'] === undefined) return part
  const { providerMetadata, ...rest } = part
  const { loom: _, ...others } = providerMetadata
  return Object.keys(others).length === 0 ? rest : { ...rest, providerMetadata: others }
}

/** A missing count is 0 to the stock client, and unknown to Loom. */
function counted({ inputTokens, outputTokens, raw }: LanguageModelV4Usage): LanguageModelV4Usage {
  const { total, text, ...rest } = outputTokens
  const isLeftOut = raw !== undefined && total === undefined
  const output = isLeftOut ? { total: 0, text: 0, ...rest } : outputTokens
  return { inputTokens, outputTokens: output, ...(raw !== undefined && { raw }) }
}

const isCutOff = (reason: string | undefined) => reason === undefined || reason === 'length'

/** The stock client returns incomplete arguments of a call when an answer is cut off. */
function withoutBrokenCalls(parts: readonly Part[]): readonly Part[] {
  const finish = parts.at(-1)
  if (finish?.type !== 'finish' || !isCutOff(finish.finishReason.raw)) return parts
  const broken = new Set(
    parts.flatMap((part) =>
      part.type === 'tool-call' &&
      (/^\s*\{\s*\}\s*$/.test(part.input) || !new StructuredText(part.input).isComplete)
        ? [part.toolCallId]
        : [],
    ),
  )
  return parts.filter(
    (part) =>
      !(part.type === 'tool-input-end' && broken.has(part.id)) &&
      !(part.type === 'tool-call' && broken.has(part.toolCallId)),
  )
}

/** Compares Loom's parts with those of the stock client. */
function expectSame(loom: Collected, stock: Collected, wire: string): void {
  const expected = normalised(withoutBrokenCalls(stock.parts), wire)
  const actual = normalised(loom.parts, wire)
  if (loom.failure !== undefined) {
    // Without content, the stock client reports an error in the stream, and Loom one that may be retried.
    expect(APICallError.isInstance(loom.failure) && loom.failure.isRetryable).toBe(true)
    expect(actual).toEqual([])
    expect(expected).toMatchObject([
      { type: 'stream-start' },
      { type: 'error' },
      { type: 'finish', finishReason: { unified: 'error' } },
    ])
  } else if (stock.failure === undefined) {
    expect(actual).toEqual(expected)
  } else {
    // An errored web stream drops unread parts, so the stock client may have returned fewer.
    expect(actual.slice(0, expected.length)).toEqual(expected)
    expect(actual.slice(-2)).toMatchObject([
      { type: 'error' },
      { type: 'finish', finishReason: { unified: 'error' } },
    ])
  }
}

describe.each(Object.entries(chatStreams))('%s', (_name, wire) => {
  test('the parts equal those of the stock client', async () => {
    expectSame(await ours(whole(wire)), await stock(whole(wire)), wire)
    expectSame(await ours(eachByte(wire)), await stock(eachByte(wire)), wire)
  })

  test('the parts are the same wherever the bytes are cut', async () => {
    const bytes = encode(wire)
    for (let cut = 1; cut < bytes.length; cut++) {
      const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)]
      expectSame(await ours(pieces), await stock(pieces), wire)
    }
  })
})

describe('a body that ends early', () => {
  const wire = [
    'reasoning_content, then text, usage with the finish',
    'parallel tool calls, interleaved by index',
    'a byte order mark, and characters of two to four bytes',
  ].map((name) => chatStreams[name] ?? '')

  test.each(wire)('a body that ends at any byte gives the same parts: %#', async (wire) => {
    const bytes = encode(wire)
    for (let end = 1; end < bytes.length; end += 3) {
      const piece = bytes.subarray(0, end)
      expectSame(await ours([piece]), await stock([withLineEnd(piece)]), wire)
    }
  })
})

/** With the line end that the stock client needs for the last event. */
function withLineEnd(bytes: Uint8Array): Uint8Array {
  const text = new TextDecoder().decode(bytes)
  const [, last = ''] = /(?:^|[\r\n])data: ?([^\r\n]+)\r?\n?$/.exec(text) ?? []
  return isJson(last) || last === '[DONE]' ? encode(`${text}\n\n`) : bytes
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/**
 * Whether a call's arguments start again in their middle. For Loom that is a placeholder or a repetition,
 * and the last arguments count. The stock client joins all of them.
 */
function beginsAnew({ parts }: Collected): boolean {
  // A stream that fails returns no whole call, so the deltas are checked.
  const inputs = new Map<string, string>()
  for (const part of parts) {
    if (part.type !== 'tool-input-delta') continue
    inputs.set(part.id, (inputs.get(part.id) ?? '') + part.delta)
  }
  return [...inputs.values()].some((input) => !isJson(input) && /[^\s][\s]*[[{]/.test(input))
}

/** Whether two calls are equal. For Loom that is a repetition if their ids are also equal. */
function repeatsCall({ parts }: Collected): boolean {
  const inputs = parts.flatMap((part) => (part.type === 'tool-input-delta' ? [part.delta] : []))
  return inputs.filter((input) => isJson(input) && input.startsWith('{')).length > 1
}

const isReadOtherwise = (stream: Collected) => beginsAnew(stream) || repeatsCall(stream)

/** Loom keeps the reason `length` if a `stop` follows it. The stock client takes the last reason. */
const endsForLength = ({ parts }: Collected) =>
  parts.some((part) => part.type === 'finish' && part.finishReason.unified === 'length')

const optional = <T>(...values: T[]) => fc.constantFrom(undefined, null, ...values)

const toolCall = fc.record({
  index: optional(0, 1, 2),
  id: optional('', 'a', 'b', 'c'),
  function: fc.record(
    {
      name: optional('read', 'list'),
      arguments: optional('', ' ', '{', '}', '{"p":"', '\\"}', '"}', '{"p":1}', '[', ']', '7'),
    },
    { requiredKeys: [] },
  ),
})

const usage = fc.record({
  prompt_tokens: fc.nat(),
  completion_tokens: optional(0, 7),
  prompt_tokens_details: fc.record({ cached_tokens: fc.nat() }),
})

const choice = fc.record(
  {
    delta: fc.record(
      {
        role: optional('assistant', ''),
        content: fc.option(fc.string({ unit: 'grapheme', maxLength: 12 })),
        reasoning: optional('', 'hm'),
        reasoning_content: optional('so'),
        refusal: optional<unknown>('', 'no', false),
        tool_calls: fc.option(fc.array(toolCall, { maxLength: 3 })),
      },
      { requiredKeys: [] },
    ),
    finish_reason: optional('stop', 'tool_calls', 'length', 'function_call', 'other'),
  },
  { requiredKeys: [] },
)

const chunk = fc.record(
  {
    id: optional('', 'c1'),
    model: optional('', 'm1'),
    created: optional(0, 1_756_700_000),
    choices: fc.array(choice, { maxLength: 2 }),
    usage: fc.option(usage),
  },
  { requiredKeys: ['choices'] },
)

/** The lines of one event, or of bytes between events. */
const block = fc.oneof(
  { weight: 10, arbitrary: chunk.map((value) => [`data: ${JSON.stringify(value)}`]) },
  { weight: 3, arbitrary: chunk.map((value) => [`data:${JSON.stringify(value)}`]) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      [': comment'],
      ['event: x', 'id: 1'],
      ['data: {"error":{"message":"no"}}'],
      ['data: {"choices":', 'data: []}'],
    ),
  },
)

const wires = fc
  .tuple(fc.array(block, { maxLength: 12 }), fc.constantFrom('\n', '\r\n', '\r'), fc.boolean())
  .map(([blocks, lineEnd, isDone]) => {
    const all = isDone ? [...blocks, ['data: [DONE]']] : blocks
    // The stock client waits for more bytes after a lone CR, so some follow.
    return `${all.map((lines) => [...lines, '', ''].join(lineEnd)).join('')}: end\n`
  })

/** Cuts bytes into pieces of these lengths, repeatedly. */
function pieces(wire: string, lengths: readonly number[]): Uint8Array[] {
  const bytes = encode(wire)
  const result: Uint8Array[] = []
  for (let start = 0, turn = 0; start < bytes.length; turn++) {
    const length = lengths[turn % lengths.length] ?? bytes.length
    result.push(bytes.subarray(start, start + length))
    start += length
  }
  return result
}

test('generated streams in any pieces give the same parts', async () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 120 }), { minLength: 1, maxLength: 20 })
  await fc.assert(
    fc.asyncProperty(wires, lengths, async (wire, lengths) => {
      const cut = pieces(wire, lengths)
      const [actual, expected] = [await ours(cut), await stock(cut)]
      fc.pre(!isReadOtherwise(actual) && !isReadOtherwise(expected))
      fc.pre(!endsForLength(actual) || endsForLength(expected))
      expectSame(actual, expected, wire)
    }),
    { numRuns: 400 },
  )
})

test('generated tool calls are joined like in the stock client', async () => {
  const deltas = fc.array(fc.array(toolCall, { minLength: 1, maxLength: 2 }), { maxLength: 8 })
  await fc.assert(
    fc.asyncProperty(deltas, async (deltas) => {
      const wire = [
        ...deltas.map((calls) => delta({ tool_calls: calls })),
        delta({}, 'tool_calls'),
        done,
      ]
      const bytes = whole(wire.join(''))
      const [actual, expected] = [await ours(bytes), await stock(bytes)]
      fc.pre(!isReadOtherwise(actual) && !isReadOtherwise(expected))
      fc.pre(!endsForLength(actual) || endsForLength(expected))
      expectSame(actual, expected, wire.join(''))
    }),
    { numRuns: 1000 },
  )
})

test('raw chunks equal those of the stock client', async () => {
  const call = { ...hello, includeRawChunks: true }
  for (const wire of Object.values(chatStreams)) {
    const loom = await collectParts(loomModel(whole(wire)), call)
    expectSame(loom, await collectStream(stockModel(whole(wire)), call), wire)
  }
})

const types = (parts: readonly Part[]) => parts.map((part) => part.type).join(' ')

describe('intended differences from the stock client', () => {
  const stop = delta({}, 'stop')
  const answer = 'stream-start response-metadata text-start text-delta text-end finish'

  test('a reported error is an APICallError with its retryability', async () => {
    const wire = event({ error: { message: 'slow down', code: 429 } })
    const [, stockError] = (await stock(whole(wire))).parts
    expect(stockError).toEqual({ type: 'error', error: { message: 'slow down', code: 429 } })
    const [, error] = (await ours(whole(wire))).parts
    expect(error).toMatchObject({
      type: 'error',
      error: { name: 'AI_APICallError', message: 'slow down', statusCode: 429, isRetryable: true },
    })
  })

  test('"error": null is no error', async () => {
    const wire = event({ error: null, choices: [{ delta: { content: 'x' } }] }) + stop + done
    expect(types((await stock(whole(wire))).parts)).toContain('error')
    const typeNames = types((await ours(whole(wire))).parts)
    expect(typeNames).toBe('stream-start text-start text-delta response-metadata text-end finish')
  })

  test('the answer ends at [DONE], also if text follows', async () => {
    const wire = delta({ content: 'x' }) + stop + done + delta({ content: 'y' })
    expect(
      (await stock(whole(wire))).parts.filter((part) => part.type === 'text-delta'),
    ).toHaveLength(2)
    expect(types((await ours(whole(wire))).parts)).toBe(answer)
  })

  test('an event without data is a heartbeat', async () => {
    const wire = `data:\n\n${delta({ content: 'x' })}data: \n\n${stop}${done}`
    expect(types((await stock(whole(wire))).parts)).toContain('error')
    expect(types((await ours(whole(wire))).parts)).toBe(answer)
  })

  test('a last event with a lone CR counts', async () => {
    const wire = (delta({ content: 'x' }) + stop).replaceAll('\n', '\r')
    expect(types((await stock(whole(wire))).parts)).toContain('error')
    expect(types((await ours(whole(wire))).parts)).toBe(answer)
  })

  test('a missing count is not 0', async () => {
    const usages = {
      [JSON.stringify({ prompt_tokens: 9, completion_tokens: null })]: [9, undefined],
      [JSON.stringify({ prompt_tokens: 9, total_tokens: 14 })]: [9, 5],
      [JSON.stringify({ completion_tokens: 5, total_tokens: 14 })]: [9, 5],
      [JSON.stringify({})]: [undefined, undefined],
    }
    for (const [usage, [input, output]] of Object.entries(usages)) {
      const wire = delta({ content: 'x' }) + stop + `data: {"choices":null,"usage":${usage}}\n\n`
      expect((await ours(whole(wire + done))).parts.at(-1), usage).toMatchObject({
        finishReason: { unified: 'stop' },
        usage: { inputTokens: { total: input }, outputTokens: { total: output } },
      })
    }
  })

  test('cached tokens of Moonshot, DeepSeek and OpenRouter are read', async () => {
    const reports = [
      [{ cached_tokens: 4 }, 4, undefined],
      [{ prompt_cache_hit_tokens: 4, prompt_cache_miss_tokens: 5 }, 4, undefined],
      [{ prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 3 } }, 4, 3],
    ] as const
    for (const [names, cacheRead, cacheWrite] of reports) {
      const usage = { prompt_tokens: 9, completion_tokens: 5, ...names }
      const wire = delta({ content: 'x' }) + stop + event({ choices: [], usage }) + done
      expect((await ours(whole(wire))).parts.at(-1)).toMatchObject({
        usage: {
          inputTokens: { total: 9, noCache: 5 - (cacheWrite ?? 0), cacheRead, cacheWrite },
        },
      })
    }
  })

  test('unused fields are not checked', async () => {
    const chunk = { choices: [{ delta: { role: 'tool', content: 'x' }, index: 'x' }] }
    const wire = event({ ...chunk, constructor: { prototype: 1 } }) + stop + done
    expect(types((await stock(whole(wire))).parts)).toContain('error')
    expect(types((await ours(whole(wire))).parts)).not.toContain('error')
  })
})
