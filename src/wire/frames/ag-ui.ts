/**
 * The stream of `POST /ag-ui/:agent`: the events of AG-UI 1.0 over SSE. AG-UI has no event that withdraws a part of a
 * message. So after `reset-step` the client receives all messages again (`MESSAGES_SNAPSHOT`), without the withdrawn
 * part. `RUN_FINISHED` is the last event of the stream, because a message that waited has more than one `finish`.
 */
import type { AgentEvent, EventOf } from '../../event.ts'
import { type AgUiEvent, type AgUiMessage, agUiVersion } from './ag-ui/events.ts'
import {
  argumentsOf,
  CallIds,
  outputText,
  reasoningId,
  resultId,
  stepMessageId,
} from './ag-ui/ids.ts'
import { runUsage } from './ag-ui/usage.ts'
import { WaitingCalls } from './ag-ui/waiting-calls.ts'
import type { Encoder } from './encoder.ts'
import { toSafeJson } from './json.ts'
import { deniedText } from './ui.ts'

export interface AgUiOptions {
  threadId: string
  runId: string
  parentRunId: string | undefined
  /** The names of the tools that the client offered. */
  offered: ReadonlySet<string>
  /** The AG-UI ids of the calls whose results the client has. */
  answered: ReadonlySet<string>
  /** Receives each event before it is encoded. */
  note: (event: AgentEvent) => void
  /** Returns all messages of the thread, up to the last event that was noted. */
  messages: () => AgUiMessage[]
}

const headers = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** A frame around the JSON of a value. */
interface ValueFrame {
  before: string
  value: unknown
  after: string
}

interface OpenCall {
  id: string
  hasArguments: boolean
}

export class AgUiEncoder implements Encoder {
  readonly sharedAs = undefined
  readonly headers = headers
  readonly keepAlive = ': keep-alive\n\n'
  readonly reportsErrors = true
  readonly writesOutputAsText = true
  readonly note: (event: AgentEvent) => void
  readonly #options: AgUiOptions
  readonly #waiting = new WaitingCalls()
  #answerId = ''
  /** The number of the step in the answer. */
  #step = -1
  #isStepOpen = false
  /** The open text parts of the step. All of them are one message. */
  #texts = new Set<string>()
  #reasoning = new Map<string, string>()
  #reasoningCount = 0
  #openCalls = new Map<string, OpenCall>()
  /** The calls of the answer by the id of the model, and those of the step. */
  #callIds = new Map<string, string>()
  #stepCalls = new Map<string, string>()
  #usedCallIds = new CallIds()
  #contentStart = ''
  #output: unknown
  #isAborted = false
  #hasFailed = false
  #finish: EventOf<'finish'> | undefined
  /** The metadata at the end of the earlier run. */
  #earlier: unknown

  constructor(options: AgUiOptions) {
    this.#options = options
    this.note = (event) => {
      if (event.type === 'data-output') this.#output = event.data
      options.note(event)
    }
  }

  /** @param used the ids of the calls that the client has in other answers */
  begin(used: Iterable<string>): void {
    this.#usedCallIds = new CallIds(used)
  }

  /** The first event of the run. */
  get started(): string {
    const { threadId, runId, parentRunId } = this.#options
    return frame({
      type: 'RUN_STARTED',
      threadId,
      runId,
      protocolVersion: agUiVersion,
      ...(parentRunId !== undefined && { parentRunId }),
    })
  }

  /** The last event of the run, unless it failed. */
  get last(): string {
    if (this.#hasFailed) return ''
    const { threadId, runId, offered } = this.#options
    const usage = runUsage(this.#finish?.messageMetadata, this.#earlier)
    return frame({
      type: 'RUN_FINISHED',
      threadId,
      runId,
      outcome: this.#isAborted ? { type: 'cancelled' } : this.#waiting.outcome(offered),
      ...(this.#output !== undefined && { result: this.#output }),
      ...(usage !== undefined && { usage }),
    })
  }

  /** All messages and the state of the thread, as the frames of values that may be large. */
  restated(messages: AgUiMessage[], state: unknown): ValueFrame[] {
    const events = [
      { start: '{"type":"MESSAGES_SNAPSHOT","messages":', value: messages },
      ...(state === undefined
        ? []
        : [{ start: '{"type":"STATE_SNAPSHOT","snapshot":', value: state }]),
    ]
    return events.map(({ start, value }) => ({ before: `data: ${start}`, value, after: '}\n\n' }))
  }

  encode(event: AgentEvent): string | undefined {
    if (this.#hasFailed) return undefined
    if (event.type === 'text-delta') {
      return event.delta === '' ? undefined : `${this.#contentStart}${json(event.delta)}}\n\n`
    }
    const events = this.#eventsOf(event)
    return events.length === 0 ? undefined : events.map(frame).join('')
  }

  #eventsOf(event: AgentEvent): AgUiEvent[] {
    switch (event.type) {
      case 'start':
        return this.#start(event)
      case 'start-step':
        return this.#startStep()
      case 'finish-step':
        return this.#finishStep()
      case 'reset-step':
        return this.#resetStep()
      case 'text-start':
        return this.#startText(event)
      case 'text-end':
        return this.#endText(event)
      case 'reasoning-start':
        return this.#startReasoning(event)
      case 'reasoning-delta': {
        const messageId = this.#reasoning.get(event.id)
        if (messageId === undefined || event.delta === '') return []
        return [{ type: 'REASONING_MESSAGE_CONTENT', messageId, delta: event.delta }]
      }
      case 'reasoning-end':
        return this.#endReasoning(event)
      case 'tool-input-start':
      case 'tool-input-delta':
      case 'tool-input-available':
      case 'tool-input-error':
        return this.#input(event)
      case 'tool-output-available':
      case 'tool-output-error':
      case 'tool-output-denied':
        return this.#outcome(event)
      case 'tool-approval-request':
        this.#waiting.note(event, this.#callId(event))
        return []
      case 'error':
        this.#hasFailed = true
        return [
          {
            type: 'RUN_ERROR',
            message: event.errorText,
            ...(event.code !== undefined && { code: event.code }),
          },
        ]
      case 'abort':
        this.#isAborted = true
        return []
      case 'finish':
        this.#finish = event
        return [...this.#closeParts(), ...this.#finishStep()]
      case 'tool-approval-response':
        this.#waiting.decide(event.approvalId)
        return []
      case 'text-delta':
      case 'message-metadata':
        return []
      case 'file':
      case 'reasoning-file':
      case 'source-url':
      case 'source-document':
      case 'custom': {
        const { type, ...value } = event
        return [{ type: 'CUSTOM', name: type, value }]
      }
      default:
        return this.#data(event)
    }
  }

  #start({ messageId }: EventOf<'start'>): AgUiEvent[] {
    if (messageId !== undefined && messageId !== this.#answerId) {
      this.#answerId = messageId
      this.#step = -1
    }
    this.#earlier = this.#finish?.messageMetadata
    this.#finish = undefined
    return []
  }

  get #stepId(): string {
    return stepMessageId(this.#answerId, this.#step)
  }

  #startStep(): AgUiEvent[] {
    const closed = this.#finishStep()
    this.#step += 1
    this.#isStepOpen = true
    this.#stepCalls = new Map()
    this.#reasoningCount = 0
    return [...closed, { type: 'STEP_STARTED', stepName: this.#stepName }]
  }

  get #stepName(): string {
    return `step-${this.#step + 1}`
  }

  #finishStep(): AgUiEvent[] {
    if (!this.#isStepOpen) return []
    this.#isStepOpen = false
    return [...this.#closeParts(), { type: 'STEP_FINISHED', stepName: this.#stepName }]
  }

  #resetStep(): AgUiEvent[] {
    const closed = this.#closeParts()
    this.#waiting.withdraw(new Set(this.#stepCalls.values()))
    this.#usedCallIds.release(this.#stepCalls.values())
    this.#stepCalls = new Map()
    this.#reasoningCount = 0
    return [...closed, { type: 'MESSAGES_SNAPSHOT', messages: this.#options.messages() }]
  }

  /** Closes what is open in the step. A client refuses a run with an open part. */
  #closeParts(): AgUiEvent[] {
    const texts = this.#texts.size > 0
    const events: AgUiEvent[] = [
      ...(texts ? [{ type: 'TEXT_MESSAGE_END' as const, messageId: this.#stepId }] : []),
      ...[...this.#reasoning.values()].flatMap(reasoningEnd),
      ...[...this.#openCalls.values()].map(({ id }) => ({
        type: 'TOOL_CALL_END' as const,
        toolCallId: id,
      })),
    ]
    this.#texts.clear()
    this.#reasoning.clear()
    this.#openCalls.clear()
    return events
  }

  #startText({ id }: EventOf<'text-start'>): AgUiEvent[] {
    const isFirst = this.#texts.size === 0
    this.#texts.add(id)
    this.#contentStart = contentStart(this.#stepId)
    return isFirst
      ? [{ type: 'TEXT_MESSAGE_START', messageId: this.#stepId, role: 'assistant' }]
      : []
  }

  #endText({ id }: EventOf<'text-end'>): AgUiEvent[] {
    const wasOpen = this.#texts.delete(id)
    return wasOpen && this.#texts.size === 0
      ? [{ type: 'TEXT_MESSAGE_END', messageId: this.#stepId }]
      : []
  }

  #startReasoning({ id }: EventOf<'reasoning-start'>): AgUiEvent[] {
    const messageId = reasoningId(this.#stepId, this.#reasoningCount++)
    this.#reasoning.set(id, messageId)
    return [
      { type: 'REASONING_START', messageId },
      { type: 'REASONING_MESSAGE_START', messageId, role: 'reasoning' },
    ]
  }

  #endReasoning({ id }: EventOf<'reasoning-end'>): AgUiEvent[] {
    const messageId = this.#reasoning.get(id)
    this.#reasoning.delete(id)
    return messageId === undefined ? [] : reasoningEnd(messageId)
  }

  #callId({ toolCallId }: { toolCallId: string }): string {
    return this.#callIds.get(toolCallId) ?? toolCallId
  }

  #input(
    event: EventOf<
      'tool-input-start' | 'tool-input-delta' | 'tool-input-available' | 'tool-input-error'
    >,
  ): AgUiEvent[] {
    const { toolCallId: key } = event
    if (event.type === 'tool-input-delta') {
      const open = this.#openCalls.get(key)
      if (open === undefined || event.inputTextDelta === '') return []
      open.hasArguments = true
      return [{ type: 'TOOL_CALL_ARGS', toolCallId: open.id, delta: event.inputTextDelta }]
    }
    const known = this.#stepCalls.get(key)
    const id = known ?? this.#usedCallIds.idOf(this.#stepId, key)
    const events: AgUiEvent[] = []
    if (known === undefined) {
      this.#stepCalls.set(key, id)
      this.#callIds.set(key, id)
      this.#openCalls.set(key, { id, hasArguments: false })
      const { toolName: toolCallName } = event
      const parentMessageId = this.#stepId
      events.push({ type: 'TOOL_CALL_START', toolCallId: id, toolCallName, parentMessageId })
    }
    if (event.type === 'tool-input-start') return events
    const open = this.#openCalls.get(key)
    if (open !== undefined) {
      this.#openCalls.delete(key)
      if (!open.hasArguments) {
        const delta = argumentsOf(event.input)
        events.push({ type: 'TOOL_CALL_ARGS', toolCallId: id, delta })
      }
      events.push({ type: 'TOOL_CALL_END', toolCallId: id })
    }
    this.#waiting.note(event, id)
    if (event.type === 'tool-input-error') events.push(...this.#failed(id, event.errorText))
    return events
  }

  #outcome(
    event: EventOf<'tool-output-available' | 'tool-output-error' | 'tool-output-denied'>,
  ): AgUiEvent[] {
    const id = this.#callId(event)
    this.#waiting.note(event, id)
    if (event.type === 'tool-output-denied') return this.#failed(id, deniedText)
    if (event.type === 'tool-output-error') return this.#failed(id, event.errorText)
    const content = outputText(event.output)
    return event.preliminary === true
      ? [{ type: 'CUSTOM', name: 'tool-output', value: { toolCallId: id, content } }]
      : this.#result(id, { content })
  }

  #failed(id: string, content: string): AgUiEvent[] {
    return this.#result(id, { content, metadata: { loom: { isError: true } } })
  }

  /** The client has the results of its own tools. */
  #result(
    id: string,
    result: Pick<Extract<AgUiEvent, { type: 'TOOL_CALL_RESULT' }>, 'content' | 'metadata'>,
  ): AgUiEvent[] {
    if (this.#options.answered.has(id)) return []
    const common = { messageId: resultId(id), toolCallId: id, role: 'tool' as const }
    return [{ type: 'TOOL_CALL_RESULT', ...common, ...result }]
  }

  #data({ type, data, id }: EventOf<`data-${string}`>): AgUiEvent[] {
    if (type === 'data-state') return [{ type: 'STATE_SNAPSHOT', snapshot: data }]
    const metadata = id !== undefined && { metadata: { loom: { id } } }
    return [{ type: 'CUSTOM', name: type, value: data, ...metadata }]
  }
}

const reasoningEnd = (messageId: string): AgUiEvent[] => [
  { type: 'REASONING_MESSAGE_END', messageId },
  { type: 'REASONING_END', messageId },
]

/** The bytes before the text of a delta are the same for each token of a step. */
const contentStart = (messageId: string): string =>
  `data: {"type":"TEXT_MESSAGE_CONTENT","messageId":${json(messageId)},"delta":`

const json = (text: string): string => JSON.stringify(text)

const frame = (event: AgUiEvent): string => `data: ${toSafeJson(event)}\n\n`
