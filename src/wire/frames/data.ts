/**
 * The data stream of AI SDK 4: one line for each part, `CODE:JSON`. Its client throws at an unknown
 * code and at the result of an unknown call. It has no denials, no approvals and no withdrawn
 * steps.
 */
import type { AgentEvent, EventOf } from '../../event.ts'
import type { Encoder } from './encoder.ts'
import { toSafeJson } from './json.ts'

const headers = {
  'content-type': 'text/plain; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-vercel-ai-data-stream': 'v1',
  'x-accel-buffering': 'no',
}

interface State {
  messageId: string
  /** True if this step called a tool. `finish_step` needs a reason, and the event has none. */
  hasCalls: boolean
}

export function dataEncoder(): Encoder {
  const state: State = { messageId: '', hasCalls: false }
  const encode = (event: AgentEvent): string | undefined =>
    event.type === 'text-delta' ? `0:${JSON.stringify(event.delta)}\n` : linesOf(event, state)
  return {
    sharedAs: undefined,
    headers,
    encode,
    last: '',
    keepAlive: undefined,
    reportsErrors: true,
  }
}

function linesOf(event: AgentEvent, state: State): string | undefined {
  switch (event.type) {
    case 'start':
      state.messageId = event.messageId ?? ''
      return annotation(event.messageMetadata)
    case 'start-step':
      state.hasCalls = false
      return line('f', { messageId: state.messageId })
    case 'finish-step':
      return line('e', { finishReason: state.hasCalls ? 'tool-calls' : 'stop', isContinued: false })
    case 'finish':
      return `${annotation(event.messageMetadata) ?? ''}${finishLine(event)}`
    case 'message-metadata':
      return annotation(event.messageMetadata)
    case 'error':
      return line('3', event.errorText)
    case 'reasoning-delta':
      return line('g', event.delta)
    case 'source-url':
      return sourceLine(event)
    case 'file':
      return fileLine(event)
    default:
      return event.type.startsWith('tool-') ? toolLines(event, state) : dataLine(event)
  }
}

function toolLines(event: AgentEvent, state: State): string | undefined {
  switch (event.type) {
    case 'tool-input-start':
      state.hasCalls = true
      return line('b', { toolCallId: event.toolCallId, toolName: event.toolName })
    case 'tool-input-delta':
      return line('c', { toolCallId: event.toolCallId, argsTextDelta: event.inputTextDelta })
    case 'tool-input-available':
      state.hasCalls = true
      return callLine(event)
    case 'tool-input-error':
      state.hasCalls = true
      return callLine(event) + resultLine(event.toolCallId, { error: event.errorText })
    case 'tool-output-available':
      // For this client, a result is final: it would send the next request by itself.
      return event.preliminary === true ? undefined : resultLine(event.toolCallId, event.output)
    case 'tool-output-error':
      return resultLine(event.toolCallId, { error: event.errorText })
    case 'tool-output-denied':
      return resultLine(event.toolCallId, { error: 'This tool call was not allowed.' })
    default:
      return undefined
  }
}

/** This client accepts only an object as `args`. */
function callLine(event: EventOf<'tool-input-available' | 'tool-input-error'>): string {
  const { toolCallId, toolName, input } = event
  return line('9', { toolCallId, toolName, args: typeof input === 'object' ? input : { input } })
}

function resultLine(toolCallId: string, result: unknown): string {
  return line('a', { toolCallId, result: result ?? null })
}

function dataLine(event: AgentEvent): string | undefined {
  if (!('data' in event)) return undefined
  const { type, id, data } = event
  return line('2', [{ type, ...(id !== undefined && { id }), data: data ?? null }])
}

function sourceLine({ sourceId: id, url, title }: EventOf<'source-url'>): string {
  return line('h', { sourceType: 'url', id, url, ...(title !== undefined && { title }) })
}

/** Only files whose bytes are in the event: this client needs the bytes. */
function fileLine({ url, mediaType }: EventOf<'file'>): string | undefined {
  const base64 = /^data:[^,]*;base64,(.*)$/s.exec(url)?.[1]
  return base64 === undefined ? undefined : line('k', { data: base64, mimeType: mediaType })
}

function finishLine({ finishReason, messageMetadata }: EventOf<'finish'>): string {
  const usage = usageIn(messageMetadata)
  return line('d', { finishReason, ...(usage !== undefined && { usage }) })
}

function usageIn(
  metadata: unknown,
): { promptTokens: number; completionTokens: number } | undefined {
  if (typeof metadata !== 'object' || metadata === null || !('usage' in metadata)) return undefined
  const { usage } = metadata
  if (typeof usage !== 'object' || usage === null) return undefined
  if (!('inputTokens' in usage) || typeof usage.inputTokens !== 'number') return undefined
  if (!('outputTokens' in usage) || typeof usage.outputTokens !== 'number') return undefined
  return { promptTokens: usage.inputTokens, completionTokens: usage.outputTokens }
}

function annotation(metadata: unknown): string | undefined {
  return metadata === undefined || metadata === null ? undefined : line('8', [metadata])
}

function line(code: string, value: unknown): string {
  return `${code}:${toSafeJson(value)}\n`
}
