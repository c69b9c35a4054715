/**
 * The events of one message as updates of a session in an editor. The ids of calls begin with that of the message,
 * because some models number the calls of every answer from 0.
 */
import type { SessionUpdate, ToolCallUpdate } from '@agentclientprotocol/sdk'

import type { AgentEvent, EventOf } from '../../event.ts'
import { progressText } from '../render/tool-lines.ts'
import {
  type Call,
  inputContent,
  kindOf,
  locationsIn,
  outputContent,
  textContent,
  titleOf,
} from './tool-report.ts'

/** The id of a call in the editor. */
export const editorCallId = (messageId: string, toolCallId: string): string =>
  `${messageId}/${toolCallId}`

export class MessageUpdates {
  readonly #messageId: string
  readonly #directory: string | undefined
  readonly #calls = new Map<string, Call>()

  /** @param directory the folder of the agent. Undefined if it is not on this machine */
  constructor(messageId: string, directory: string | undefined) {
    this.#messageId = messageId
    this.#directory = directory
  }

  /** Returns the updates of an event. Most events have one, and some have none. */
  of(event: AgentEvent): SessionUpdate[] {
    switch (event.type) {
      case 'text-delta':
        return [this.#chunk('agent_message_chunk', event.delta)]
      case 'reasoning-delta':
        return [this.#chunk('agent_thought_chunk', event.delta)]
      case 'file':
        return [{ sessionUpdate: 'agent_message_chunk', ...this.#named, content: fileBlock(event) }]
      case 'source-url': {
        const { url: uri, title } = event
        const content = { type: 'resource_link' as const, uri, name: title ?? uri }
        return [{ sessionUpdate: 'agent_message_chunk', ...this.#named, content }]
      }
      case 'error':
        return [this.#chunk('agent_message_chunk', `\n\nThe answer failed: ${event.errorText}\n`)]
      default:
        return event.type.startsWith('tool-') ? this.#ofCall(event) : []
    }
  }

  #ofCall(event: AgentEvent): SessionUpdate[] {
    switch (event.type) {
      case 'tool-input-start':
        return [this.#begin(event.toolCallId, { toolName: event.toolName, input: undefined })]
      case 'tool-input-available':
      case 'tool-input-error':
        return this.#input(event)
      case 'tool-approval-request':
        return [this.#change(event.toolCallId, { status: 'pending' })]
      case 'tool-output-available':
        return [this.#output(event)]
      case 'tool-output-error':
        return [this.#failure(event.toolCallId, event.errorText)]
      case 'tool-output-denied':
        return [this.#failure(event.toolCallId, 'This call was not allowed.')]
      default:
        return []
    }
  }

  #begin(toolCallId: string, call: Call): SessionUpdate {
    this.#calls.set(toolCallId, call)
    return {
      sessionUpdate: 'tool_call',
      toolCallId: editorCallId(this.#messageId, toolCallId),
      title: titleOf(call),
      name: call.toolName,
      kind: kindOf(call),
      status: 'pending',
    }
  }

  #input(event: EventOf<'tool-input-available' | 'tool-input-error'>): SessionUpdate[] {
    const { toolCallId, toolName, input } = event
    const call = { toolName, input }
    const isKnown = this.#calls.has(toolCallId)
    const begin = isKnown ? [] : [this.#begin(toolCallId, call)]
    this.#calls.set(toolCallId, call)
    if (event.type === 'tool-input-error') {
      return [...begin, this.#failure(toolCallId, event.errorText)]
    }
    const change = { ...callFields(call, this.#directory), status: 'in_progress' as const }
    return [...begin, this.#change(toolCallId, change)]
  }

  #output({ toolCallId, output, preliminary }: EventOf<'tool-output-available'>): SessionUpdate {
    if (preliminary === true) {
      const progress = progressText(output)
      const content = progress === '' ? {} : { content: [textContent(progress)] }
      return this.#change(toolCallId, { status: 'in_progress', ...content })
    }
    const call = this.#calls.get(toolCallId) ?? { toolName: '', input: undefined }
    const content = outputContent(call, output, this.#directory)
    return this.#change(toolCallId, {
      status: 'completed',
      rawOutput: output,
      ...(content !== undefined && { content }),
    })
  }

  #failure(toolCallId: string, text: string): SessionUpdate {
    return this.#change(toolCallId, { status: 'failed', content: [textContent(text)] })
  }

  #change(toolCallId: string, change: Omit<ToolCallUpdate, 'toolCallId'>): SessionUpdate {
    return {
      sessionUpdate: 'tool_call_update',
      toolCallId: editorCallId(this.#messageId, toolCallId),
      ...change,
    }
  }

  #chunk(sessionUpdate: 'agent_message_chunk' | 'agent_thought_chunk', text: string) {
    return { sessionUpdate, ...this.#named, content: { type: 'text' as const, text } }
  }

  get #named() {
    return { messageId: this.#messageId }
  }
}

/** The fields of a call whose input is complete. */
export function callFields(
  call: Call,
  directory: string | undefined,
): Omit<ToolCallUpdate, 'toolCallId'> {
  const content = inputContent(call, directory)
  return {
    title: titleOf(call),
    name: call.toolName,
    kind: kindOf(call),
    rawInput: call.input,
    locations: locationsIn(call.input, directory),
    ...(content.length > 0 && { content }),
  }
}

function fileBlock({ url, mediaType }: { url: string; mediaType: string }) {
  const [, data] = /^data:[^,]*;base64,(.*)$/s.exec(url) ?? []
  if (data !== undefined && mediaType.startsWith('image/')) {
    return { type: 'image' as const, mimeType: mediaType, data }
  }
  return { type: 'resource_link' as const, uri: url, name: mediaType, mimeType: mediaType }
}
