/**
 * Converts a conversation to a prompt. Providers refuse a call without a result and a result without a
 * call, and histories hold both (an aborted turn, a closed tab). Here every call gets exactly one
 * result, directly after the message with the call. Nothing is downloaded: a URL stays a URL.
 */
import type {
  LanguageModelV4FilePart,
  LanguageModelV4Message,
  LanguageModelV4Prompt,
  LanguageModelV4TextPart,
} from '@ai-sdk/provider'
import type {
  AssistantModelMessage,
  ModelMessage,
  SystemModelMessage,
  ToolModelMessage,
  UserModelMessage,
} from 'ai'

import { errorMessage, LoomError } from '../ground/error.ts'
import { callInput, callName } from './prompt/call-form.ts'
import { stubOf } from './prompt/file-places.ts'
import { filePart, reasoningFilePart } from './prompt/file.ts'
import { CallPairing } from './prompt/pairing.ts'
import { optionsOf, refuse, stringOf } from './prompt/part.ts'
import { toolOutput } from './prompt/tool-output.ts'

type UserPart = Exclude<UserModelMessage['content'], string>[number]
type AssistantPart = Exclude<AssistantModelMessage['content'], string>[number]
type ToolPart = ToolModelMessage['content'][number]
type ToolOutput = Extract<ToolPart, { type: 'tool-result' }>['output']
type PromptPart = Extract<LanguageModelV4Message, { role: 'assistant' }>['content'][number]

/**
 * The prompt of one model call, in time linear in the length of the history. An unreadable file before
 * the latest user message becomes a line of text: one bad file must not make every later message fail.
 * @throws LoomError `invalid-request` that names the message which cannot be converted, and the reason.
 */
export function toPrompt(
  messages: readonly ModelMessage[],
  system: string | readonly SystemModelMessage[] | undefined,
): LanguageModelV4Prompt {
  if (!Array.isArray(messages)) return refuse('messages must be an array')
  const pairing = new CallPairing()
  const instructions =
    typeof system === 'string' ? [{ role: 'system' as const, content: system }] : (system ?? [])
  for (const message of instructions) addSystem(pairing, message)
  const newest = messages.findLastIndex((message) => message?.role === 'user')
  for (const [index, message] of messages.entries()) {
    try {
      if (typeof message !== 'object' || message === null) refuse('a message must be an object')
      addMessage(pairing, message, index < newest ? stubInstead : filePart)
    } catch (cause) {
      throw new LoomError('invalid-request', `Message ${index}: ${errorMessage(cause)}`, { cause })
    }
  }
  return pairing.close()
}

/** Converts a file to a part. An unreadable file is an error only in the latest user message. */
type ReadFile = (
  part: Parameters<typeof filePart>[0],
) => LanguageModelV4FilePart | LanguageModelV4TextPart

const stubInstead: ReadFile = (part) => {
  try {
    return filePart(part)
  } catch {
    const { filename, mediaType = 'application/octet-stream' } = part
    return {
      type: 'text',
      text: stubOf({ mediaType, ...(filename !== undefined && { filename }) }),
    }
  }
}

function addMessage(pairing: CallPairing, message: ModelMessage, readFile: ReadFile): void {
  switch (message.role) {
    case 'system':
      return addSystem(pairing, message)
    case 'user':
      return addUser(pairing, message, readFile)
    case 'assistant':
      return addAssistant(pairing, message, readFile)
    case 'tool':
      return addTool(pairing, message, readFile)
    default:
      return refuse('the role must be system, user, assistant or tool')
  }
}

function addSystem(pairing: CallPairing, message: SystemModelMessage): void {
  const content = stringOf(message.content, 'content')
  if (content !== '') pairing.add({ role: 'system', content, ...optionsOf(message) })
}

function addUser(pairing: CallPairing, message: UserModelMessage, readFile: ReadFile): void {
  const content = partsOf<UserPart>(message.content).flatMap((part) => userPart(part, readFile))
  if (content.length > 0) pairing.add({ role: 'user', content, ...optionsOf(message) })
}

function userPart(
  part: UserPart,
  readFile: ReadFile,
): (LanguageModelV4TextPart | LanguageModelV4FilePart)[] {
  switch (part.type) {
    case 'text': {
      const text = stringOf(part.text, 'text')
      return text === '' ? [] : [{ type: 'text', text, ...optionsOf(part) }]
    }
    case 'image':
      return [readFile({ ...part, data: part.image, mediaType: part.mediaType ?? 'image/*' })]
    case 'file':
      return [readFile(part)]
    default:
      return refuse(`a user message holds no part of type ${typeOf(part)}`)
  }
}

function addAssistant(
  pairing: CallPairing,
  message: AssistantModelMessage,
  readFile: ReadFile,
): void {
  const parts = partsOf<AssistantPart>(message.content)
  const content = parts.flatMap((part) => assistantPart(part, readFile))
  pairing.addAssistant(content, optionsOf(message))
  for (const part of parts) {
    if (part.type === 'tool-approval-request') pairing.noteApproval(part)
  }
}

function assistantPart(part: AssistantPart, readFile: ReadFile): PromptPart[] {
  switch (part.type) {
    case 'text': {
      const text = stringOf(part.text, 'text')
      const options = optionsOf(part)
      // Some providers attach data that they require back (a reasoning signature) to an empty text.
      return text.trim() === '' && options === undefined ? [] : [{ type: 'text', text, ...options }]
    }
    case 'reasoning':
      return [{ type: 'reasoning', text: stringOf(part.text, 'text'), ...optionsOf(part) }]
    case 'file':
      return [readFile(part)]
    case 'reasoning-file':
      return reasoningFile(part, readFile)
    case 'custom':
      return [{ type: 'custom', kind: part.kind, ...optionsOf(part) }]
    case 'tool-call':
      return [
        {
          type: 'tool-call',
          toolCallId: stringOf(part.toolCallId, 'toolCallId'),
          ...calledBy(part),
          ...optionsOf(part),
        },
      ]
    case 'tool-result':
      return [resultPart(part, readFile)]
    case 'tool-approval-request':
      return []
    default:
      return refuse(`an assistant message holds no part of type ${typeOf(part)}`)
  }
}

/** Leaves out an unreadable reasoning file: a line of text cannot replace it. */
function reasoningFile(
  part: Extract<AssistantPart, { type: 'reasoning-file' }>,
  readFile: ReadFile,
): PromptPart[] {
  try {
    return [reasoningFilePart(part)]
  } catch (error) {
    if (readFile === filePart) throw error
    return []
  }
}

/** A provider's own calls go back unchanged: their inputs may be any value. */
function calledBy(part: Extract<AssistantPart, { type: 'tool-call' }>) {
  const toolName = stringOf(part.toolName, 'toolName')
  const { input, providerExecuted } = part
  return providerExecuted === true
    ? { toolName, input: input ?? {}, providerExecuted }
    : { toolName: callName(toolName), input: callInput(input) }
}

function addTool(pairing: CallPairing, message: ToolModelMessage, readFile: ReadFile): void {
  const results = checked(message.content).flatMap((part) => toolPart(part, readFile))
  pairing.addResults(results, optionsOf(message))
}

function toolPart(
  part: ToolPart,
  readFile: ReadFile,
): Parameters<CallPairing['addResults']>[0][number][] {
  switch (part.type) {
    case 'tool-result':
      return [resultPart(part, readFile)]
    case 'tool-approval-response':
      return [part]
    default:
      return refuse(`a tool message holds no part of type ${typeOf(part)}`)
  }
}

const resultPart = (part: Extract<ToolPart, { type: 'tool-result' }>, readFile: ReadFile) => ({
  type: 'tool-result' as const,
  toolCallId: stringOf(part.toolCallId, 'toolCallId'),
  toolName: callName(stringOf(part.toolName, 'toolName')),
  output: outputOf(part, readFile),
  ...optionsOf(part),
})

function outputOf({ output }: { output: ToolOutput }, readFile: ReadFile) {
  try {
    return toolOutput(output)
  } catch (error) {
    if (readFile === filePart) throw error
    const value = `The output of the tool cannot be read: ${errorMessage(error)}`
    return { type: 'error-text' as const, value }
  }
}

/** Content as parts. A string becomes one text part. */
const partsOf = <PART>(content: string | readonly PART[]) =>
  typeof content === 'string' ? [{ type: 'text' as const, text: content }] : checked(content)

function checked<PART>(parts: readonly PART[]): readonly PART[] {
  if (!Array.isArray(parts)) return refuse('"content" must be an array of parts')
  for (const part of parts) {
    if (typeof part !== 'object' || part === null) return refuse('a part must be an object')
  }
  return parts
}

const typeOf = (part: { type?: unknown }) => JSON.stringify(part.type) ?? 'undefined'
