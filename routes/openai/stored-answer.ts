/**
 * An answer of a session as the parts that responses name. Its events come from its log. When the log has expired, they are
 * made from the message in the history.
 */
import type { UIMessage } from 'ai'

import type { AgentEvent, LogEvent } from '../../src/event.ts'
import { fieldOf, fieldsOf } from '../../src/ground/fields.ts'
import { MessageFold, uiMessage } from '../../src/message-fold.ts'
import type { Sessions } from '../../src/sessions.ts'
import type { SessionRecord } from '../../src/store/session.ts'
import { addUsage, noUsage, type Usage } from '../../src/usage.ts'
import { clientToolsOf } from './response-metadata.ts'

export interface StoredAnswer {
  events: readonly LogEvent[]
  /** Whether the log still exists. Only a log can be followed. */
  hasLog: boolean
}

/** Returns undefined if neither a log nor the history has the answer. */
export async function storedAnswer(
  sessions: Sessions,
  session: SessionRecord,
  logId: string,
): Promise<StoredAnswer | undefined> {
  const entries = await sessions.readers.entries(session.id, logId)
  if (entries.length > 0) return { events: entries.flatMap(({ events }) => events), hasLog: true }
  const history = await sessions.messages(session.id)
  const index = history.findIndex(({ id }) => id === logId)
  const message = history[index]
  if (message?.role !== 'assistant') return undefined
  const failure = session.turn?.logId === logId ? session.error : undefined
  const tools = clientToolsOf(history[index - 1])
  return { events: eventsOf(message, { tools, failure }), hasLog: false }
}

/** The number of parts that have ended, and whether another one follows them. */
export function partsIn(events: readonly LogEvent[]): { ended: number; isOpen: boolean } {
  const last = events.findLastIndex(({ type }) => type === 'finish')
  return {
    ended: events.filter(({ type }) => type === 'finish').length,
    isOpen: last < events.length - 1,
  }
}

/** The message as it is at the end of a part. */
export function messageThrough(
  events: readonly LogEvent[],
  { logId, part }: { logId: string; part: number },
): UIMessage {
  const fold = new MessageFold({ id: logId, role: 'assistant', parts: [] })
  let ended = 0
  for (const event of events) {
    if (ended > part) break
    fold.add(event)
    if (event.type === 'finish') ended++
  }
  return uiMessage(fold.message)
}

/** The events that make a stored message. A step with a call of the client ends a part. */
function eventsOf(
  { id, parts, metadata }: UIMessage,
  { tools, failure }: { tools: ReadonlySet<string>; failure: string | undefined },
): AgentEvent[] {
  const steps = stepsOf(parts)
  const usages = stepUsagesIn(metadata)
  const events: AgentEvent[] = []
  let before: AgentEvent[] = []
  for (const [index, step] of steps.entries()) {
    const isPartStart = index === 0 || before.length > 0
    if (isPartStart) events.push({ type: 'start', messageId: id }, ...before)
    before = []
    events.push({ type: 'start-step' })
    for (const [place, part] of step.entries()) {
      const { shown, later } = partEvents(part, { id: `${index}-${place}`, tools })
      events.push(...shown)
      before.push(...later)
    }
    events.push({ type: 'finish-step' })
    const isLast = index === steps.length - 1
    if (isLast || before.length > 0) {
      const usage = isLast ? undefined : usages.slice(0, index + 1).reduce(addUsage, noUsage)
      if (isLast) events.push(...endEvents(metadata, failure))
      events.push({
        type: 'finish',
        finishReason: 'stop',
        messageMetadata: usage === undefined ? metadata : { usage },
      })
    }
  }
  return events
}

type Part = Readonly<Record<string, unknown>>

function stepsOf(parts: UIMessage['parts']): Part[][] {
  const steps: Part[][] = []
  for (const part of parts) {
    if (part.type === 'step-start') steps.push([])
    else if (steps.length === 0) steps.push([fieldsOf(part)])
    else steps.at(-1)?.push(fieldsOf(part))
  }
  return steps.length === 0 ? [[]] : steps
}

/** `later` are the results of the client, which begin the next part. */
function partEvents(
  part: Part,
  { id, tools }: { id: string; tools: ReadonlySet<string> },
): { shown: AgentEvent[]; later: AgentEvent[] } {
  const { type, text } = part
  if ((type === 'text' || type === 'reasoning') && typeof text === 'string') {
    const shown: AgentEvent[] = [
      { type: `${type}-start`, id },
      { type: `${type}-delta`, id, delta: text },
      { type: `${type}-end`, id },
    ]
    return { shown, later: [] }
  }
  if (typeof type === 'string' && type.startsWith('data-')) {
    return { shown: [{ type: dataName(type), data: part['data'] }], later: [] }
  }
  const { toolCallId } = part
  if (typeof toolCallId !== 'string') return { shown: [], later: [] }
  const toolName = type === 'dynamic-tool' ? part['toolName'] : String(type).slice('tool-'.length)
  const name = String(toolName)
  const input: AgentEvent = {
    type: 'tool-input-available',
    toolCallId,
    toolName: name,
    input: part['input'],
    ...(part['providerExecuted'] === true && { providerExecuted: true }),
  }
  const outcome = outcomeEvents(part, toolCallId)
  const isOfClient = tools.has(name)
  return {
    shown: isOfClient ? [input] : [input, ...outcome],
    later: isOfClient ? outcome : [],
  }
}

// The caller has checked the prefix.
function dataName(type: string): `data-${string}`
function dataName(type: string): string {
  return type
}

function outcomeEvents(part: Part, toolCallId: string): AgentEvent[] {
  switch (part['state']) {
    case 'output-available':
      return [{ type: 'tool-output-available', toolCallId, output: part['output'] }]
    case 'output-error':
      return [{ type: 'tool-output-error', toolCallId, errorText: String(part['errorText']) }]
    case 'output-denied':
      return [{ type: 'tool-output-denied', toolCallId }]
    default:
      return []
  }
}

function endEvents(metadata: unknown, failure: string | undefined): AgentEvent[] {
  const outcome = fieldOf(metadata, 'outcome')
  if (outcome === 'aborted') return [{ type: 'abort' }]
  if (outcome !== 'error') return []
  return [{ type: 'error', errorText: failure ?? 'The answer failed.' }]
}

function stepUsagesIn(metadata: unknown): Usage[] {
  const steps = fieldOf(metadata, 'stepUsage')
  if (!Array.isArray(steps)) return []
  return steps.map((step: unknown) => {
    const usage = fieldOf(step, 'usage')
    const count = (name: string) => {
      const value = fieldOf(usage, name)
      return typeof value === 'number' ? value : 0
    }
    return {
      inputTokens: count('inputTokens'),
      outputTokens: count('outputTokens'),
      totalTokens: count('totalTokens'),
      cachedInputTokens: count('cachedInputTokens'),
      reasoningTokens: count('reasoningTokens'),
    }
  })
}
