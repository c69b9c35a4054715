/**
 * What a client posted, as the messages a run takes. The client owns this history and may have made
 * it up: system messages are left out, since an agent's instructions are the server's, and an
 * approval counts only by its signed id (`src/runner/approval.ts`).
 */
import type { ModelMessage, ToolSet, UIMessage } from 'ai'

import { errorMessage, LoomError } from '../ground/error.ts'
import { fieldOf, isFields } from '../ground/fields.ts'
import { sizeOf, WorkSteps } from '../ground/long-work.ts'
import { stubOf } from '../model/prompt/file-places.ts'
import { addressFault, type FileUrls } from './conversation/file-address.ts'
import { FilesApart } from './conversation/files-apart.ts'
import { checkFiles } from './conversation/posted-files.ts'
import { withoutUnstoredItems } from './conversation/stored-items.ts'
import { modernMessage } from './conversation/version-4.ts'

export interface PostedHistory {
  messages: ModelMessage[]
  /** The id of the assistant message at its end, which the answer goes on with. */
  continues: string | undefined
}

/** Ids are keys in stores and logs; those of the AI SDK have 16 characters. */
export const idLengthMax = 256

/** Half a surrogate pair has no UTF-8: neither an address nor a store could tell it from another half. */
export const isId = (text: string): boolean => text.length <= idLengthMax && text.isWellFormed()

/** A session stands in addresses, where `.` and `..` are steps, also percent-encoded. */
export const isSessionId = (text: string): boolean => isId(text) && !/^(\.|%2e){1,2}$/i.test(text)

/**
 * Reads `UIMessage`s of ai 5 to 7, messages of ai 4, and `ModelMessage`s.
 * @param tools what says how the model is told of a tool's output; asked for when there is one
 * @param fileUrls the addresses that a file may have besides a `data:` URL
 * @throws LoomError `invalid-request`
 */
export async function readConversation(
  posted: unknown,
  tools: () => Promise<ToolSet>,
  fileUrls: FileUrls = 'public',
): Promise<PostedHistory> {
  if (!Array.isArray(posted) || posted.length === 0) {
    throw new LoomError('invalid-request', 'messages must be a list of at least one message.')
  }
  // Said here, since it would look like a missing message below.
  const said = posted.filter((message: unknown) => fieldOf(message, 'role') !== 'system')
  if (said.length === 0) throw new LoomError('invalid-request', 'messages holds no user message.')
  return said.some(isModelMessage)
    ? { messages: await readModelMessages(said, fileUrls), continues: undefined }
    : readUiMessages(said, tools, fileUrls)
}

/** A list as content, or the role `tool`, is only in model messages; a string is in ai 4's too. */
function isModelMessage(message: unknown): boolean {
  if (fieldOf(message, 'parts') !== undefined) return false
  return Array.isArray(fieldOf(message, 'content')) || fieldOf(message, 'role') === 'tool'
}

async function readModelMessages(
  posted: readonly unknown[],
  fileUrls: FileUrls,
): Promise<ModelMessage[]> {
  const { modelMessageSchema } = await import('ai')
  return posted.map((message, index) => {
    const result = modelMessageSchema.safeParse(message)
    if (result.success) {
      checkAddresses(result.data, `messages[${index}]`, fileUrls)
      return result.data
    }
    throw new LoomError('invalid-request', `messages[${index}] is not a valid model message.`)
  })
}

/** @throws LoomError `invalid-request` for a file whose address this server does not pass on */
function checkAddresses({ content }: ModelMessage, name: string, fileUrls: FileUrls): void {
  if (!Array.isArray(content)) return
  for (const part of content) {
    const data = part.type === 'file' ? part.data : part.type === 'image' ? part.image : undefined
    const url = data instanceof URL ? data.href : (fieldOf(data, 'url') ?? data)
    // A text without a scheme is base64.
    if (typeof url !== 'string' || !/^(?!data:)[a-z][a-z0-9+.-]*:/i.test(url)) continue
    const fault = addressFault(url, fileUrls)
    if (fault !== undefined) {
      throw new LoomError('invalid-request', `A file of ${name} cannot be read: ${fault}`)
    }
  }
}

async function readUiMessages(
  posted: readonly unknown[],
  tools: () => Promise<ToolSet>,
  fileUrls: FileUrls,
): Promise<PostedHistory> {
  const messages = await validMessages(posted, (index) => `messages[${index}]`)
  const last = messages.at(-1)
  // Of what was said before, the prompt leaves out what cannot be read.
  if (last?.role === 'user') checkFiles(last, fileUrls)
  return {
    messages: await convert(messages.map(withAddressesAllowedBy(fileUrls)), tools),
    continues: last?.role === 'assistant' ? last.id : undefined,
  }
}

/** A file of an earlier message stays out of the prompt where its address is not allowed. */
const withAddressesAllowedBy =
  (fileUrls: FileUrls) =>
  (message: UIMessage): UIMessage => {
    const isRefused = (part: UIMessage['parts'][number]) =>
      part.type === 'file' &&
      !/^data:/i.test(part.url) &&
      addressFault(part.url, fileUrls) !== undefined
    if (!message.parts.some(isRefused)) return message
    const parts = message.parts.map((part) => {
      if (part.type !== 'file' || !isRefused(part)) return part
      const { mediaType, filename } = part
      const text = stubOf({ mediaType, ...(filename !== undefined && { filename }) })
      return { type: 'text' as const, text }
    })
    return { ...message, parts }
  }

async function validMessages(
  posted: readonly unknown[],
  nameOf: (index: number) => string,
): Promise<UIMessage[]> {
  const { safeValidateUIMessages } = await import('ai')
  const result = await safeValidateUIMessages({ messages: posted.map(modernMessage) })
  if (!result.success) throw new LoomError('invalid-request', issueOf(result.error, nameOf))
  for (const { id } of result.data) {
    if (!isId(id)) {
      throw new LoomError(
        'invalid-request',
        `A message id is longer than ${idLengthMax}, or not Unicode.`,
      )
    }
  }
  return result.data
}

/**
 * Reads one message, of a user or an assistant.
 * @param name what it is called in errors
 * @throws LoomError `invalid-request`
 */
export async function readMessage(posted: unknown, name: string): Promise<UIMessage> {
  const [message] = await validMessages([posted], () => name)
  if (message !== undefined && message.role !== 'system') return message
  throw new LoomError('invalid-request', `${name} must be a user or assistant message.`)
}

/**
 * What a conversation may begin with of what a client posted: who said what, and nothing that a tool,
 * a human or a provider is to have said.
 * @throws LoomError `invalid-request`
 */
export async function readSeed(posted: readonly unknown[]): Promise<UIMessage[]> {
  const said = posted.filter((message) => fieldOf(message, 'role') !== 'system')
  if (said.length === 0) return []
  const messages = await validMessages(said, (index) => `messages[${index}]`)
  return messages.flatMap(({ id, role, parts }) => {
    const texts = parts.flatMap((part) =>
      part.type === 'text' ? [{ type: 'text' as const, text: part.text }] : [],
    )
    return texts.length === 0 ? [] : [{ id, role, parts: texts }]
  })
}

/**
 * A user message of nothing but data parts is nothing to a model, and providers refuse empty ones.
 * @throws LoomError `invalid-request` for such a message
 */
export function checkAnswerable({ parts }: Pick<UIMessage, 'parts'>): void {
  if (!parts.some(({ type }) => type === 'text' || type === 'file')) throw nothingToAnswer()
}

const nothingToAnswer = () => new LoomError('invalid-request', 'messages holds nothing to answer.')

async function convert(
  messages: UIMessage[],
  tools: () => Promise<ToolSet>,
): Promise<ModelMessage[]> {
  const { convertToModelMessages } = await import('ai')
  const called = messages.some(({ parts }) => parts.some(({ type }) => /tool/.test(type)))
  const options = { ignoreIncompleteToolCalls: true, ...(called && { tools: await tools() }) }
  const converted = await convertToModelMessages(messages, options).catch((cause: unknown) => {
    const reason = errorMessage(cause)
    throw new LoomError('invalid-request', `messages cannot be read: ${reason}`, { cause })
  })
  // A message of nothing but data parts is nothing to a model, and providers refuse empty ones.
  const meant = converted.filter(({ content }) => content.length > 0)
  if (meant.length === 0) throw nothingToAnswer()
  return withoutSettledDenials(meant)
}

/**
 * Stored messages as a run takes them: they are the server's own and need no check.
 * @param onEnd told of the last message that each of them became
 */
export async function modelMessagesOf(
  messages: readonly UIMessage[],
  tools: () => Promise<ToolSet> = () => Promise.resolve({}),
  onEnd: (last: ModelMessage, id: string) => void = () => {},
): Promise<ModelMessage[]> {
  const called = messages.some(({ parts }) => parts.some(({ type }) => /tool/.test(type)))
  const options = called ? { tools: await tools() } : {}
  const { convertToModelMessages } = await import('ai')
  const all: ModelMessage[] = []
  const steps = new WorkSteps()
  for (const message of messages) {
    await steps.next(sizeOf(message))
    const files = new FilesApart()
    const parts = withoutUnstoredItems(message).parts.map((part) => files.take(modelPart(part)))
    const converted = await convertToModelMessages([{ ...message, parts }], options)
    for (const { content } of converted) files.putBack(content)
    const meant = converted.filter(isMeant)
    const last = meant.at(-1)
    if (last !== undefined) onEnd(last, message.id)
    all.push(...meant)
    await steps.next(sizeOf(message))
  }
  return withoutSettledDenials(all)
}

type Part = UIMessage['parts'][number]

function modelPart(part: Part): Part {
  if (!('state' in part)) return part
  // An input that was refused for not being JSON is a string; providers refuse a call with one.
  if (part.state === 'output-error' && 'input' in part && !isFields(part.input)) {
    return { ...part, input: {} }
  }
  // The AI SDK would tell the model a preliminary output as the result, and a call that was cut off or
  // is run again has none yet.
  if (part.state === 'output-available' && part.preliminary === true) {
    const { output: _output, preliminary: _preliminary, approval, ...call } = part
    return approval === undefined
      ? { ...call, state: 'input-available' }
      : { ...call, state: 'approval-responded', approval }
  }
  return part
}

/** Thoughts without words or calls are those of a reply that broke off, and providers refuse them alone. */
function isMeant({ role, content }: ModelMessage): boolean {
  if (role !== 'assistant' || typeof content === 'string') return content.length > 0
  return content.some(({ type }) => type !== 'reasoning')
}

/**
 * The AI SDK writes the result of a denial itself. Left in, the call would look settled, no
 * `tool-output-denied` would be sent, and the client would post the same decision again for ever.
 */
function withoutSettledDenials(messages: ModelMessage[]): ModelMessage[] {
  const last = messages.at(-1)
  if (last?.role !== 'tool') return messages
  const content = last.content.filter(
    (part) => part.type !== 'tool-result' || part.output.type !== 'execution-denied',
  )
  return [...messages.slice(0, -1), { ...last, content }]
}

/** Where the first fault is, and what it is: the AI SDK's own text holds the whole input. */
function issueOf(error: Error, nameOf: (index: number) => string): string {
  const issues = fieldOf(error.cause, 'issues')
  const issue: unknown = Array.isArray(issues) ? issues[0] : undefined
  const path = fieldOf(issue, 'path')
  const message = fieldOf(issue, 'message')
  if (!Array.isArray(path) || typeof message !== 'string') return 'messages is not valid.'
  const [index, ...inner] = path
  const steps = inner.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`))
  return `${nameOf(Number(index))}${steps.join('')}: ${message}`
}
