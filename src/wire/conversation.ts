/**
 * Converts posted messages to the messages of a run. The client owns this history and may have
 * invented it. So system messages are left out, because only the server sets an agent's
 * instructions, and an approval counts only by its signed id (`src/runner/approval.ts`).
 */
import type { ModelMessage, ToolSet, UIMessage } from 'ai'

import { errorMessage, LoomError } from '../ground/error.ts'
import { fieldOf, isFields } from '../ground/fields.ts'
import { late } from '../ground/late.ts'
import { sizeOf, WorkSteps } from '../ground/long-work.ts'
import { isMirrored } from '../mirrored-call.ts'
import { stubOf } from '../model/prompt/file-places.ts'
import { addressFault, type FileUrls } from './conversation/file-address.ts'
import { FilesApart } from './conversation/files-apart.ts'
import { idLengthMax, isId } from './conversation/ids.ts'
import { checkFiles } from './conversation/posted-files.ts'
import { withoutUnstoredItems } from './conversation/stored-items.ts'
import { modernMessage } from './conversation/version-4.ts'

const ai = late(() => import('ai'))

export { idLengthMax, isId, isSessionId } from './conversation/ids.ts'

export interface PostedHistory {
  messages: ModelMessage[]
  /** The id of the assistant message at the end, which the answer continues. */
  continues: string | undefined
}

/**
 * Reads `UIMessage`s of ai 5 to 7, messages of ai 4, and `ModelMessage`s.
 * @param tools returns the tools that convert stored outputs for the model; called if there is an
 * output
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
  // Without this check, the error below would report a missing message.
  const conversation = posted.filter((message: unknown) => fieldOf(message, 'role') !== 'system')
  if (conversation.length === 0)
    throw new LoomError('invalid-request', 'messages holds no user message.')
  return conversation.some(isModelMessage)
    ? { messages: await readModelMessages(conversation, fileUrls), continues: undefined }
    : readUiMessages(conversation, tools, fileUrls)
}

/**
 * Only a model message has the role `tool` or a list as content. A message of ai 4 also has a
 * string.
 */
function isModelMessage(message: unknown): boolean {
  if (fieldOf(message, 'parts') !== undefined) return false
  return Array.isArray(fieldOf(message, 'content')) || fieldOf(message, 'role') === 'tool'
}

async function readModelMessages(
  posted: readonly unknown[],
  fileUrls: FileUrls,
): Promise<ModelMessage[]> {
  const { modelMessageSchema } = await ai()
  return posted.map((message, index) => {
    const result = modelMessageSchema.safeParse(message)
    if (result.success) {
      checkAddresses(result.data, `messages[${index}]`, fileUrls)
      return result.data
    }
    throw new LoomError('invalid-request', `messages[${index}] is not a valid model message.`)
  })
}

/** @throws LoomError `invalid-request` for a file whose address this server does not send on */
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
  const messages = (await validMessages(posted, (index) => `messages[${index}]`)).map(
    (message) => ({
      ...message,
      parts: withoutQuestions(message.parts),
    }),
  )
  const last = messages.at(-1)
  // The prompt leaves out unreadable files of earlier messages.
  if (last?.role === 'user') checkFiles(last, fileUrls)
  return {
    messages: await convert(messages.map(withAddressesAllowedBy(fileUrls)), tools),
    continues: last?.role === 'assistant' ? last.id : undefined,
  }
}

/** Keeps a file of an earlier message out of the prompt if its address is not allowed. */
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
  const { safeValidateUIMessages } = await ai()
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
 * Reads one message of a user or an assistant.
 * @param name the name of the message in error texts
 * @throws LoomError `invalid-request`
 */
export async function readMessage(posted: unknown, name: string): Promise<UIMessage> {
  const [message] = await validMessages([posted], () => name)
  if (message !== undefined && message.role !== 'system') return message
  throw new LoomError('invalid-request', `${name} must be a user or assistant message.`)
}

/**
 * Reads posted messages as the beginning of a conversation. It keeps the texts of users and
 * assistants, and nothing that claims to come from a tool, a human or a provider.
 * @throws LoomError `invalid-request`
 */
export async function readSeed(posted: readonly unknown[]): Promise<UIMessage[]> {
  const conversation = posted.filter((message) => fieldOf(message, 'role') !== 'system')
  if (conversation.length === 0) return []
  const messages = await validMessages(conversation, (index) => `messages[${index}]`)
  return messages.flatMap(({ id, role, parts }) => {
    const texts = parts.flatMap((part) =>
      part.type === 'text' ? [{ type: 'text' as const, text: part.text }] : [],
    )
    return texts.length === 0 ? [] : [{ id, role, parts: texts }]
  })
}

/**
 * Refuses a user message of only data parts: a model sees nothing of it, and providers refuse an
 * empty message.
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
  const { convertToModelMessages } = await ai()
  const hasCalls = messages.some(({ parts }) => parts.some(({ type }) => /tool/.test(type)))
  const options = { ignoreIncompleteToolCalls: true, ...(hasCalls && { tools: await tools() }) }
  const converted = await convertToModelMessages(messages, options).catch((cause: unknown) => {
    const reason = errorMessage(cause)
    throw new LoomError('invalid-request', `messages cannot be read: ${reason}`, { cause })
  })
  // A message of only data parts is empty for a model, and providers refuse empty messages.
  const nonEmpty = converted.filter(({ content }) => content.length > 0)
  if (nonEmpty.length === 0) throw nothingToAnswer()
  return withoutSettledDenials(nonEmpty)
}

/** The characters that take as long as the conversion of a small message. */
const messageWeight = 5000

/**
 * Converts stored messages for a run. They come from the server and need no check.
 * @param onEnd receives the last model message of each stored message
 */
export async function modelMessagesOf(
  messages: readonly UIMessage[],
  tools: () => Promise<ToolSet> = () => Promise.resolve({}),
  onEnd: (last: ModelMessage, id: string) => void = () => {},
): Promise<ModelMessage[]> {
  const hasCalls = messages.some(({ parts }) => parts.some(({ type }) => /tool/.test(type)))
  const options = hasCalls ? { tools: await tools() } : {}
  const { convertToModelMessages } = await ai()
  const all: ModelMessage[] = []
  const steps = new WorkSteps()
  for (const message of messages) {
    await steps.next(sizeOf(message) + messageWeight)
    const files = new FilesApart()
    const own = withoutQuestions(withoutUnstoredItems(message).parts)
    const parts = own.map((part) => files.take(modelPart(part)))
    const converted = await convertToModelMessages([{ ...message, parts }], options)
    for (const { content } of converted) files.putBack(content)
    const nonEmpty = converted.filter(hasContent)
    const last = nonEmpty.at(-1)
    if (last !== undefined) onEnd(last, message.id)
    all.push(...nonEmpty)
    await steps.next(sizeOf(message))
  }
  return withoutSettledDenials(all)
}

type Part = UIMessage['parts'][number]

/** Leaves out the questions of tasks, which the model of this message has not asked. */
const withoutQuestions = (parts: readonly Part[]): Part[] =>
  parts.filter((part) => !isMirrored(part))

function modelPart(part: Part): Part {
  if (!('state' in part)) return part
  // An input that was refused because it is not JSON is a string. Providers refuse a call with a
  // string.
  if (part.state === 'output-error' && 'input' in part && !isFields(part.input)) {
    return { ...part, input: {} }
  }
  // The AI SDK would send a preliminary output to the model as the result. A call that was cut or
  // runs again has no result yet.
  if (part.state === 'output-available' && part.preliminary === true) {
    const { output: _output, preliminary: _preliminary, approval, ...call } = part
    return approval === undefined
      ? { ...call, state: 'input-available' }
      : { ...call, state: 'approval-responded', approval }
  }
  return part
}

/**
 * False for a message of only reasoning. It comes from an interrupted reply, and providers refuse
 * it alone.
 */
function hasContent({ role, content }: ModelMessage): boolean {
  if (role !== 'assistant' || typeof content === 'string') return content.length > 0
  return content.some(({ type }) => type !== 'reasoning')
}

/**
 * Removes the result that the AI SDK writes for a denial. With it the call would look settled, no
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

/**
 * Reports the place of the first fault, and the fault. The AI SDK's own text contains the whole
 * input.
 */
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
