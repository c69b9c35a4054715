/** Conversations for the tests of the prompt: fixed parts, and arbitraries of whole histories. */
import type { ModelMessage } from 'ai'
import * as fc from 'fast-check'

export const png = Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex')
export const jpeg = Buffer.from('ffd8ffe000104a46494600010100', 'hex')
export const pdf = Buffer.from('%PDF-1.7\n%')
export const call = (toolCallId: string, more: object = {}) => ({
  type: 'tool-call' as const,
  toolCallId,
  toolName: 'clock',
  input: { zone: 'UTC' },
  ...more,
})
export const result = (toolCallId: string, value = 'noon') => ({
  type: 'tool-result' as const,
  toolCallId,
  toolName: 'clock',
  output: { type: 'text' as const, value },
})

/** Loom leaves out a text of only spaces, because some providers refuse it. */
const words = fc.string({ minLength: 1 }).filter((text) => text.trim() !== '')
const options = fc.option(
  fc.record({ anthropic: fc.dictionary(fc.constantFrom('a', 'b'), fc.jsonValue()) }),
  { nil: undefined },
)
const withOptions = <PART extends object>(part: fc.Arbitrary<PART>) =>
  fc.tuple(part, options).map(([part, providerOptions]) => ({
    ...part,
    ...(providerOptions !== undefined && { providerOptions: cleaned(providerOptions) }),
  }))

/**
 * Returns the value after JSON: a stored history has no other values, and the AI SDK drops
 * `__proto__` keys.
 */
function cleaned<VALUE>(value: VALUE): VALUE {
  return JSON.parse(JSON.stringify(value), (key, inner: unknown) =>
    key === '__proto__' || key === 'constructor' || key === 'prototype' ? undefined : inner,
  )
}

const text = withOptions(fc.record({ type: fc.constant('text' as const), text: words }))
const bytes = fc.constantFrom(png, jpeg, pdf, Buffer.from('hello'))
const fileData = fc.oneof(
  bytes,
  bytes.map((data) => data.toString('base64')),
  bytes.map((data) => new Uint8Array(data).buffer),
  bytes.map((data) => `data:image/png;base64,${data.toString('base64')}`),
  fc.webUrl(),
  fc.webUrl().map((url) => new URL(url)),
)
const image = withOptions(fc.record({ type: fc.constant('image' as const), image: fileData }))
const file = withOptions(
  fc.record({
    type: fc.constant('file' as const),
    data: fileData,
    mediaType: fc.constantFrom('image/png', 'image/*', 'application/pdf', 'text/plain'),
  }),
)
const userTurn: fc.Arbitrary<ModelMessage> = withOptions(
  fc.record({
    role: fc.constant('user' as const),
    content: fc.oneof(words, fc.array(fc.oneof(text, image, file), { minLength: 1 })),
  }),
)
const output = fc.oneof(
  fc.record({ type: fc.constantFrom('text' as const, 'error-text' as const), value: fc.string() }),
  fc.record({
    type: fc.constantFrom('json' as const, 'error-json' as const),
    value: fc.jsonValue().map((value) => cleaned({ value })),
  }),
  fc.record({ type: fc.constant('execution-denied' as const), reason: fc.string() }),
)
const said = fc.oneof(
  text,
  withOptions(fc.record({ type: fc.constant('reasoning' as const), text: fc.string() })),
)

/** A step of an assistant with text or calls, and the tool messages with all results in any order. */
const assistantTurn: fc.Arbitrary<ModelMessage[]> = fc
  .record({
    parts: fc.array(said, { minLength: 1, maxLength: 3 }),
    outputs: fc.array(output, { maxLength: 4 }),
    order: fc.infiniteStream(fc.nat()),
    split: fc.nat({ max: 4 }),
    first: options,
    second: options,
    ids: fc.constantFrom('call', 'other'),
  })
  .map(({ parts, outputs, order, split, first, second, ids }) => {
    const calls = outputs.map((_, index) => call(`${ids}-${index}`))
    const results = outputs
      .map((output, index) => ({ ...result(`${ids}-${index}`), output }))
      .map((part) => ({ part, rank: order.next().value ?? 0 }))
      .sort((a, b) => a.rank - b.rank)
      .map(({ part }) => part)
    const tools = [results.slice(0, split), results.slice(split)]
      .map((content, index) => ({ content, options: index === 0 ? first : second }))
      .filter(({ content }) => content.length > 0)
    return [
      {
        role: 'assistant' as const,
        content:
          calls.length > 0 || parts.some(({ type }) => type === 'text')
            ? [...parts, ...calls]
            : [...parts, { type: 'text' as const, text: 'Hm.' }],
      },
      ...tools.map(({ content, options }) => ({
        role: 'tool' as const,
        content,
        ...(options !== undefined && { providerOptions: cleaned(options) }),
      })),
    ]
  })

/** Conversations that every provider accepts. */
export const conversation: fc.Arbitrary<ModelMessage[]> = fc
  .array(fc.tuple(userTurn, fc.array(assistantTurn, { maxLength: 3 })), {
    minLength: 1,
    maxLength: 4,
  })
  .map((turns) => turns.flatMap(([user, steps]) => [user, ...steps.flat()]))

const callId = fc.constantFrom('1', '2', '3', '4')
/** Histories with calls, results and order at random. */
export const anyHistory: fc.Arbitrary<ModelMessage[]> = fc.array(
  fc.oneof(
    fc.record({ role: fc.constant('user' as const), content: fc.constantFrom('', 'Hi') }),
    fc.record({
      role: fc.constant('assistant' as const),
      content: fc
        .uniqueArray(callId)
        .chain((ids) =>
          fc.shuffledSubarray(
            [
              { type: 'text' as const, text: '' },
              { type: 'text' as const, text: 'Hm' },
              ...ids.map((id) => call(id)),
              ...ids.map((id) => result(id)),
            ],
            { minLength: 0 },
          ),
        ),
    }),
    fc.record({
      role: fc.constant('tool' as const),
      content: fc.array(callId.map((id) => result(id))),
    }),
  ),
  { maxLength: 12 },
)
