/**
 * The stream of `POST /v1/chat/completions`: `chat.completion.chunk` objects over SSE, as OpenAI's API
 * reference describes them ("Chat Completions", "Streaming"). A client of this API runs every call that it
 * receives. So it receives only the calls that wait for it at the end of the message, and none that Loom runs.
 */
import type { AgentEvent, EventOf } from '../../event.ts'
import { type CompletionUsage, completionUsage } from './completion-usage.ts'
import type { Encoder } from './encoder.ts'
import { toSafeJson } from './json.ts'

export interface CompletionOptions {
  /** The id of the answer, for all of its chunks. */
  id: string
  /** The name of the agent. */
  model: string
  /** The time of the request, in seconds since 1970. */
  created: number
  /** Whether the client asked for the chunk with the usage. */
  includesUsage: boolean
  /**
   * Whether the answer has a schema. Loom then sends the checked value: the text of the model may be one that it
   * corrects.
   */
  isStructured: boolean
}

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

export type CompletionFinishReason = 'stop' | 'length' | 'content_filter' | 'tool_calls'

interface Choice {
  index: number
  delta: {
    role?: 'assistant'
    content?: string
    /** DeepSeek's field for reasoning, which clients of this API also read from other servers. */
    reasoning_content?: string
    tool_calls?: (CompletionCall & { index: number })[]
  }
  finish_reason: CompletionFinishReason | null
}

/** A chunk of the stream. A test compares it with the type of OpenAI's client. */
export interface CompletionChunk {
  id: string
  object: 'chat.completion.chunk'
  created: number
  model: string
  choices: Choice[]
  usage?: CompletionUsage | null
}

export const completionFinishReasons: Readonly<
  Record<EventOf<'finish'>['finishReason'], CompletionFinishReason>
> = {
  stop: 'stop',
  length: 'length',
  'content-filter': 'content_filter',
  'tool-calls': 'tool_calls',
  error: 'stop',
  other: 'stop',
}

export function chatCompletionEncoder(options: CompletionOptions): Encoder {
  const { id, model, created, includesUsage, isStructured } = options
  const common = { id, object: 'chat.completion.chunk' as const, created, model }
  const calls = new OpenCalls()
  let hasText = false
  let hasFailed = false

  const frame = (choices: Choice[], usage?: CompletionUsage | null) => {
    const chunk: CompletionChunk = { ...common, choices, ...(usage !== undefined && { usage }) }
    return `data: ${toSafeJson(chunk)}\n\n`
  }
  const delta = (value: Choice['delta'], reason: Choice['finish_reason'] = null) =>
    frame([{ index: 0, delta: value, finish_reason: reason }])
  // The bytes around the text of a delta are the same for each token.
  const [beforeText = '', afterText = ''] = delta({ content: '' }).split('""')
  const textFrame = (text: string) => `${beforeText}${JSON.stringify(text)}${afterText}`
  const [beforeThought = '', afterThought = ''] = delta({ reasoning_content: '' }).split('""')

  function encode(event: AgentEvent): string | undefined {
    if (event.type === 'text-delta') {
      if (isStructured || event.delta === '') return undefined
      hasText = true
      return textFrame(event.delta)
    }
    switch (event.type) {
      case 'start':
        return delta({ role: 'assistant', content: '' })
      case 'text-start':
        // The texts of two steps are two paragraphs.
        return hasText && !isStructured ? textFrame('\n\n') : undefined
      case 'reasoning-delta':
        return `${beforeThought}${JSON.stringify(event.delta)}${afterThought}`
      case 'data-output':
        return isStructured ? textFrame(JSON.stringify(event.data)) : undefined
      case 'error':
        hasFailed = true
        return `data: ${toSafeJson({ error: streamError(event) })}\n\n`
      case 'finish':
        return hasFailed ? undefined : endOf(event)
      default:
        calls.note(event)
        return undefined
    }
  }

  function endOf({ finishReason, messageMetadata }: EventOf<'finish'>): string {
    const open = calls.open.map((call, index) => ({ index, ...call }))
    const callFrame = open.length === 0 ? '' : delta({ tool_calls: open })
    const reason = open.length > 0 ? 'tool_calls' : completionFinishReasons[finishReason]
    const usage = completionUsage(messageMetadata)
    return `${callFrame}${delta({}, reason)}${includesUsage ? frame([], usage ?? null) : ''}`
  }

  return {
    sharedAs: undefined,
    headers,
    encode,
    last: 'data: [DONE]\n\n',
    keepAlive: ': \n\n',
    reportsErrors: true,
    nestsData: true,
  }
}

/** A call of the client, in the form of OpenAI. */
export interface CompletionCall {
  id: string
  type: 'function'
  function: { name: string; arguments: string }
}

/** The calls of an answer that have no outcome yet. At its end, they wait for the client. */
export class OpenCalls {
  readonly #calls = new Map<string, CompletionCall>()

  note(event: AgentEvent): void {
    switch (event.type) {
      case 'tool-input-available': {
        const { toolCallId: id, toolName: name, input, providerExecuted } = event
        if (providerExecuted === true) return
        this.#calls.set(id, {
          id,
          type: 'function',
          function: { name, arguments: JSON.stringify(input ?? {}) },
        })
        return
      }
      case 'tool-output-available':
        if (event.preliminary !== true) this.#calls.delete(event.toolCallId)
        return
      case 'tool-input-error':
      case 'tool-output-error':
      case 'tool-output-denied':
        this.#calls.delete(event.toolCallId)
        return
      case 'reset-step':
        this.#calls.clear()
        return
      default:
    }
  }

  get open(): CompletionCall[] {
    return [...this.#calls.values()]
  }
}

/** The object under `error` of a stream that failed. The SDK of OpenAI throws an `APIError` with it. */
const streamError = ({ errorText, code }: EventOf<'error'>) => ({
  message: errorText,
  type: 'server_error',
  param: null,
  code: code ?? null,
})
