/**
 * Builds the assistant message from a turn's events, as a client does. The result is stored, so it must
 * equal, part by part, the message that `readUIMessageStream` of the AI SDK builds from the frames
 * (ai 7.0.173, `packages/ai/src/ui/process-ui-message-stream.ts`). A test compares them.
 */
import type { JSONObject, JSONValue } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import type { EventOf, LogEvent, ProviderMetadata } from './event.ts'
import { mergeObjects } from './ground/merge.ts'

/** A part of a message, with the fields that the fold reads. The part and all its fields are JSON. */
export type FoldedPart = {
  /** The kind of the part, such as `text`, `reasoning`, `file` or `tool-<name>`. */
  type: string
} & Record<string, unknown>

/** The message, in the AI SDK's `UIMessage` form. */
export interface FoldedMessage {
  /** The id of the message. The log of its answer has the same id. */
  id: string
  role: 'assistant'
  /** The metadata of the answer; see `AnswerMetadata`. Absent if no event has brought any. */
  metadata?: JSONObject
  /** The parts in the order of the answer, in the form of the AI SDK's `UIMessage`. */
  parts: FoldedPart[]
}

type ToolInputEvent = EventOf<'tool-input-start' | 'tool-input-available' | 'tool-input-error'>

export class MessageFold {
  readonly message: FoldedMessage
  /** Open text and reasoning parts by event id. */
  readonly #open = new Map<string, FoldedPart & { text: string }>()
  readonly #tools = new Map<string, FoldedPart>()

  /** Starts from the message of an earlier turn, or from an empty message. */
  constructor(message: FoldedMessage) {
    this.message = message
    for (const part of message.parts) {
      if (typeof part['toolCallId'] === 'string') this.#tools.set(part['toolCallId'], part)
    }
  }

  add(event: LogEvent): void {
    switch (event.type) {
      case 'text-delta':
      case 'reasoning-delta':
        return this.#delta(event)
      case 'text-start':
      case 'reasoning-start':
        return this.#start(event)
      case 'text-end':
      case 'reasoning-end':
        return this.#end(event)
      case 'tool-input-start':
      case 'tool-input-available':
      case 'tool-input-error':
        return this.#toolInput(event)
      case 'tool-output-available':
      case 'tool-output-error':
        return this.#toolOutput(event)
      case 'tool-approval-request':
      case 'tool-approval-response':
      case 'tool-output-denied':
        return this.#approval(event)
      case 'start':
        if (event.messageId !== undefined) this.message.id = event.messageId
        return this.#metadata(event.messageMetadata)
      case 'finish':
      case 'message-metadata':
        return this.#metadata(event.messageMetadata)
      case 'start-step':
        this.message.parts.push({ type: 'step-start' })
        return undefined
      case 'reset-step':
        return this.#resetStep()
      case 'tool-input-delta':
      case 'tool-step':
      case 'finish-step':
      case 'abort':
      case 'error':
        return undefined
      case 'file':
      case 'reasoning-file':
      case 'source-url':
      case 'source-document':
      case 'custom':
        this.message.parts.push({ ...event })
        return undefined
      default:
        return this.#data(event)
    }
  }

  #start(event: EventOf<'text-start' | 'reasoning-start'>): void {
    const { type, id, providerMetadata } = event
    const common = { text: '', state: 'streaming', ...withMetadata(providerMetadata) }
    const part =
      type === 'text-start' ? { type: 'text', ...common } : { type: 'reasoning', id, ...common }
    this.#open.set(id, part)
    this.message.parts.push(part)
  }

  #delta(event: EventOf<'text-delta' | 'reasoning-delta'>): void {
    const part = this.#open.get(event.id)
    if (part === undefined) return
    part.text += event.delta
    Object.assign(part, withMetadata(event.providerMetadata))
  }

  #end(event: EventOf<'text-end' | 'reasoning-end'>): void {
    const part = this.#open.get(event.id)
    if (part === undefined) return
    Object.assign(part, { state: 'done' }, withMetadata(event.providerMetadata))
    this.#open.delete(event.id)
  }

  #toolInput(event: ToolInputEvent): void {
    const { toolCallId, toolName, title, providerExecuted, providerMetadata } = event
    const part = this.#inStep(event) ?? this.#newTool(event)
    delete part['output']
    delete part['errorText']
    delete part['preliminary']
    part['state'] = inputStates[event.type]
    if (event.type === 'tool-input-start') delete part['input']
    else part['input'] = event.input
    if (event.type === 'tool-input-error') part['errorText'] = event.errorText
    if (part.type === 'dynamic-tool') part['toolName'] = toolName
    else part.type = `tool-${toolName}`
    if (title !== undefined && event.type !== 'tool-input-error') part['title'] = title
    if (providerExecuted !== undefined) part['providerExecuted'] = providerExecuted
    if (providerMetadata !== undefined) {
      const isResult = event.type === 'tool-input-error'
      part[isResult ? 'resultProviderMetadata' : 'callProviderMetadata'] = providerMetadata
    }
    this.#tools.set(toolCallId, part)
  }

  /** The call's part, if this step has one. An input in a later step gets a new part. */
  #inStep({ type, toolCallId, dynamic = false }: ToolInputEvent): FoldedPart | undefined {
    const part = this.#tools.get(toolCallId)
    if (part === undefined || this.message.parts.indexOf(part, this.#stepStart) === -1) {
      return undefined
    }
    const fits = type === 'tool-input-error' || (part.type === 'dynamic-tool') === dynamic
    return fits ? part : undefined
  }

  /** The index of the first part of the latest step. */
  get #stepStart(): number {
    return this.message.parts.findLastIndex(({ type }) => type === 'step-start') + 1
  }

  #newTool(event: ToolInputEvent): FoldedPart {
    const part = toolPart(event)
    this.message.parts.push(part)
    return part
  }

  #toolOutput(event: EventOf<'tool-output-available' | 'tool-output-error'>): void {
    const part = this.#tools.get(event.toolCallId)
    if (part === undefined) return
    delete part['output']
    delete part['errorText']
    delete part['preliminary']
    if (event.type === 'tool-output-available') {
      part['state'] = 'output-available'
      part['output'] = event.output
      if (event.preliminary !== undefined) part['preliminary'] = event.preliminary
    } else {
      part['state'] = 'output-error'
      part['errorText'] = event.errorText
    }
    if (event.providerExecuted !== undefined) part['providerExecuted'] = event.providerExecuted
    if (event.providerMetadata !== undefined) {
      part['resultProviderMetadata'] = event.providerMetadata
    }
  }

  #approval(
    event: EventOf<'tool-approval-request' | 'tool-approval-response' | 'tool-output-denied'>,
  ): void {
    if (event.type === 'tool-approval-response') {
      const { approvalId: id, approved, reason } = event
      const part = this.message.parts.find(({ approval }) => idOf(approval) === id)
      if (part === undefined) return
      part['state'] = 'approval-responded'
      const request = isObject(part['approval']) && part['approval']
      part['approval'] = { ...request, id, approved, ...(reason !== undefined && { reason }) }
      return
    }
    const part = this.#tools.get(event.toolCallId)
    if (part === undefined) return
    const isRequest = event.type === 'tool-approval-request'
    part['state'] = isRequest ? 'approval-requested' : 'output-denied'
    if (isRequest) part['approval'] = { id: event.approvalId }
  }

  #resetStep(): void {
    const { parts } = this.message
    for (const { toolCallId } of parts.splice(this.#stepStart)) {
      if (typeof toolCallId === 'string') this.#tools.delete(toolCallId)
    }
    this.#open.clear()
  }

  #data(event: EventOf<`data-${string}`>): void {
    if (event.transient === true) return
    const { type, id, data } = event
    const existing =
      id === undefined
        ? undefined
        : this.message.parts.find((part) => part.type === type && part['id'] === id)
    if (existing === undefined) this.message.parts.push({ ...event })
    else existing['data'] = data
  }

  #metadata(metadata: unknown): void {
    if (!isObject(metadata)) return
    // Merged like in the AI SDK: plain objects key by key, and every other value is replaced.
    this.message.metadata = mergeObjects(this.message.metadata ?? {}, metadata)
  }
}

const inputStates = {
  'tool-input-start': 'input-streaming',
  'tool-input-available': 'input-available',
  'tool-input-error': 'output-error',
} as const

function toolPart({ toolCallId, toolName, dynamic }: ToolInputEvent): FoldedPart {
  return dynamic === true
    ? { type: 'dynamic-tool', toolName, toolCallId }
    : { type: `tool-${toolName}`, toolCallId }
}

const withMetadata = (providerMetadata: ProviderMetadata | undefined) =>
  providerMetadata === undefined ? undefined : { providerMetadata }

const isApproved = (approval: unknown): boolean =>
  isObject(approval) && approval['approved'] === true

const idOf = (approval: unknown): unknown =>
  typeof approval === 'object' && approval !== null && 'id' in approval ? approval.id : undefined

const isObject = (value: unknown): value is JSONObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** The text of a message, without reasoning, tools and files. */
export const textOf = ({ parts }: FoldedMessage): string =>
  parts.map(({ type, text }) => (type === 'text' && typeof text === 'string' ? text : '')).join('')

/** The text of the last step of a message. A step without parts does not count. */
export function lastTextOf({ parts, ...message }: FoldedMessage): string {
  const end = parts.findLastIndex((part) => !isStepStart(part)) + 1
  const start = parts.slice(0, end).findLastIndex(isStepStart) + 1
  return textOf({ ...message, parts: parts.slice(start, end) })
}

const isStepStart = ({ type }: FoldedPart) => type === 'step-start'

/** The output of a message, if its agent has a schema for it and its answer is complete. */
export function outputIn({ parts }: FoldedMessage): JSONValue | undefined {
  const part = parts.findLast(({ type, id }) => type === 'data-output' && id === 'output')
  return part === undefined ? undefined : jsonOf(part['data'])
}

// The part is JSON, which its type does not express.
function jsonOf(data: unknown): JSONValue
function jsonOf(data: unknown): unknown {
  return data ?? null
}

/**
 * Returns the message for storage and clients. A test shows that it equals the AI SDK's, which the type
 * does not express. There is one difference: for a call that failed before its approval, the AI SDK
 * keeps the open approval request, and its own schema then refuses the message.
 */
export function uiMessage(message: FoldedMessage): UIMessage
export function uiMessage(message: FoldedMessage): unknown {
  return message.parts.some(holdsOpenQuestion)
    ? { ...message, parts: message.parts.map(withoutOpenQuestion) }
    : message
}

const holdsOpenQuestion = ({ state, approval }: FoldedPart): boolean =>
  state === 'output-error' && approval !== undefined && !isApproved(approval)

function withoutOpenQuestion(part: FoldedPart): FoldedPart {
  if (!holdsOpenQuestion(part)) return part
  const { approval: _, ...rest } = part
  return rest
}

/** Converts a stored message back: the inverse of `uiMessage`. */
export function foldedMessage(message: UIMessage): FoldedMessage
export function foldedMessage(message: unknown): unknown {
  return message
}
