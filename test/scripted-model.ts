/**
 * A model that says what a test tells it to, reply by reply, and remembers what it was asked. It goes
 * through `doStream` like any model of the AI SDK's.
 */
import type {
  LanguageModelV4,
  LanguageModelV4CallOptions,
  LanguageModelV4FinishReason,
  LanguageModelV4StreamPart,
} from '@ai-sdk/provider'

export type Script = LanguageModelV4StreamPart[] | Error | ((signal: AbortSignal) => PartSource)
export type PartSource = AsyncIterable<LanguageModelV4StreamPart>

export interface ScriptedModel extends LanguageModelV4 {
  /** What each call was asked, in order. */
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
    doStream(options) {
      const script = scripts[asked.length]
      asked.push(options)
      if (script === undefined) return Promise.reject(new Error('the script has no further reply'))
      if (script instanceof Error) return Promise.reject(script)
      const signal = options.abortSignal ?? new AbortController().signal
      const source = typeof script === 'function' ? script(signal) : script
      return Promise.resolve({ stream: ReadableStream.from(source) })
    },
  }
}

const reason = (unified: LanguageModelV4FinishReason['unified']) => ({ unified, raw: unified })

/** The last part of a reply: ten tokens in, five out. */
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

/** Parts of a text, a delta a word, without the end. */
export const words = (text: string, id = 'txt-0'): LanguageModelV4StreamPart[] => [
  { type: 'text-start', id },
  ...text.split(/(?<= )/).map((delta) => ({ type: 'text-delta' as const, id, delta })),
]

/** A whole reply of text. */
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
