/**
 * Models that send the replies of a test, one by one, and record their requests: one through `doStream`
 * like any model of the AI SDK, and one through Loom's direct method.
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'

import { type DirectModel, streamParts } from '../src/model.ts'

export type Script = LanguageModelV4StreamPart[] | Error | ((signal: AbortSignal) => PartSource)
export type PartSource = AsyncIterable<LanguageModelV4StreamPart>

export interface ScriptedModel extends LanguageModelV4 {
  /** The options of each call, in order. */
  readonly asked: LanguageModelV4CallOptions[]
}

let count = 0

export function scriptedModel(...scripts: Script[]): ScriptedModel {
  const asked: LanguageModelV4CallOptions[] = []
  return {
    specificationVersion: 'v4',
    provider: 'scripted',
    modelId: `model-${++count}`,
    supportedUrls: {},
    asked,
    doGenerate: () => Promise.reject(new Error('only doStream is scripted')),
    async doStream(options) {
      return { stream: ReadableStream.from(nextReply(scripts, asked, options)) }
    },
  }
}

/** The same through the direct method, with several parts at a time if the script is a list. */
export function directScriptedModel(...scripts: Script[]): ScriptedModel & DirectModel {
  const model = scriptedModel()
  return {
    ...model,
    doStream: () => Promise.reject(new Error('call the direct method')),
    async [streamParts](options, receive) {
      const source = nextReply(scripts, model.asked, options)
      const batches = Array.isArray(source) ? batchesOf(source, 3) : singly(source)
      for (;;) {
        const batch = await batches.next().catch((error: unknown) => {
          if (options.abortSignal?.aborted) throw error
          // A failure after the start of the answer is a part of the answer.
          return { done: false as const, value: [{ type: 'error' as const, error }] }
        })
        if (batch.done === true) return
        await receive(batch.value)
      }
    },
  }
}

function nextReply(
  scripts: readonly Script[],
  asked: LanguageModelV4CallOptions[],
  options: LanguageModelV4CallOptions,
): LanguageModelV4StreamPart[] | PartSource {
  const script = scripts[asked.length]
  asked.push(options)
  if (script === undefined) throw new Error('the script has no further reply')
  if (script instanceof Error) throw script
  return typeof script === 'function'
    ? script(options.abortSignal ?? new AbortController().signal)
    : script
}

async function* singly(source: PartSource) {
  for await (const part of source) yield [part]
}

async function* batchesOf(parts: readonly LanguageModelV4StreamPart[], size: number) {
  for (let from = 0; from < parts.length; from += size) yield parts.slice(from, from + size)
}

const reason = (unified: LanguageModelV4FinishReason['unified']) => ({ unified, raw: unified })

/** The last part of a reply: ten input tokens, five output tokens. */
export const finish = (
  unified: LanguageModelV4FinishReason['unified'] = 'stop',
): LanguageModelV4StreamPart => ({
  type: 'finish',
  finishReason: reason(unified),
  usage: {
    inputTokens: { total: 10, noCache: 8, cacheRead: 2, cacheWrite: 0 },
    outputTokens: { total: 5, text: 4, reasoning: 1 },
  },
})

/** Parts of a text, one delta per word, without the end. */
export const words = (text: string, id = 'txt-0'): LanguageModelV4StreamPart[] => [
  { type: 'text-start', id },
  ...text.split(/(?<= )/).map((delta) => ({ type: 'text-delta' as const, id, delta })),
]

/** A whole reply with a text. */
export const says = (text: string): LanguageModelV4StreamPart[] => [
  ...words(text),
  { type: 'text-end', id: 'txt-0' },
  finish(),
]

/** A whole reply that calls tools: `calls(['calculator', { expr: '6 * 7' }])`. */
export const calls = (...list: [toolName: string, input: unknown, toolCallId?: string][]) => [
  ...list.map(([toolName, input, toolCallId], index) => ({
    type: 'tool-call' as const,
    toolCallId: toolCallId ?? `call-${index}`,
    toolName,
    input: typeof input === 'string' ? input : JSON.stringify(input),
  })),
  finish('tool-calls'),
]

/** A reply that sends these parts and then breaks like a stream. */
export const breaks = (
  parts: readonly LanguageModelV4StreamPart[],
  error: unknown,
): ((signal: AbortSignal) => PartSource) =>
  async function* () {
    yield* parts
    throw error
  }

/** A reply that sends these parts and then nothing more until it is aborted. */
export const hangs = (parts: readonly LanguageModelV4StreamPart[]) =>
  async function* (signal: AbortSignal): PartSource {
    yield* parts
    const { promise, resolve } = Promise.withResolvers<void>()
    signal.addEventListener('abort', () => resolve(), { once: true })
    await promise
    signal.throwIfAborted()
  }

/** Like `hangs`, but it also ignores an abort. */
export const hangsForEver = (parts: readonly LanguageModelV4StreamPart[]) =>
  async function* (): PartSource {
    yield* parts
    await Promise.withResolvers().promise
  }
