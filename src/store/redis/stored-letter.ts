/**
 * Reads and writes letters and messages in their stored form. Loom wrote all of it, so nothing is validated as
 * a client's input is.
 */
import type { JSONObject } from '@ai-sdk/provider'
import type { UIMessage } from 'ai'

import { fieldOf } from '../../ground/fields.ts'
import { storedJson } from '../../ground/json/pieces.ts'
import { WorkSteps } from '../../ground/long-work.ts'
import { contextParts, withServerPart } from '../context.ts'
import type { Answer, Letter, LetterRequest } from '../letter.ts'
import { type CompactMessage, wholeMessage } from '../record/message.ts'
import type { Summary } from '../summary.ts'
import { titleOf } from '../title.ts'
import { agentText, escaped, unescaped } from './keys.ts'
import type { MessageForm } from './message-form.ts'

interface LetterTextOptions {
  agent: string
  /** The messages before that of the letter, if the letter begins the session. @defaultValue none */
  seed?: readonly UIMessage[] | undefined
  /** Writes the message. @defaultValue its own form, which every version reads */
  form?: MessageForm
}

/** The stored form of a letter; see `part/letter.lua`. A large message is written in steps. */
export async function letterText(
  letter: Letter,
  { agent, seed = [], form }: LetterTextOptions,
): Promise<string | Buffer> {
  const { message, context, digest = '', ...rest } = letter
  const title = titleText(message === undefined ? seed : [...seed, message])
  const first = { agent: agentText(agent), context: contextText(context), digest, title }
  const head = [
    letter.kind,
    escaped(letter.replyId),
    escaped(letter.cutAt ?? ''),
    escaped(message?.id ?? ''),
    // `first` comes first, where the scripts find it.
    JSON.stringify({ ...first, ...rest }),
    '',
  ].join('\n')
  const json = message === undefined ? '' : await (form?.json(message) ?? storedJson(message))
  return typeof json === 'string' ? head + json : Buffer.concat([Buffer.from(head), json])
}

/** The stored form of the title of a session with these messages; '' without a text. */
export const titleText = (messages: readonly UIMessage[]): string =>
  Buffer.from(titleOf(messages) ?? '').toString('base64')

/** Reads stored letters in steps. */
export const lettersIn = (texts: readonly string[]): Promise<Letter[]> =>
  readInSteps(texts, letterIn)

/** Reads stored messages in steps. */
export const messagesIn = (texts: readonly string[]): Promise<UIMessage[]> =>
  readInSteps(texts, messageIn)

/** The event loop also turns after a text of more characters than this. */
const largeText = 500_000

/** The characters that take as long to read as the fields of a small message. */
const valueWeight = 1500

/** Reads one text after the other. The event loop turns after texts that are large together. */
export async function readInSteps<VALUE>(
  texts: readonly string[],
  read: (text: string) => VALUE,
): Promise<VALUE[]> {
  const steps = new WorkSteps()
  const values: VALUE[] = []
  for (const text of texts) {
    await steps.next(text.length + valueWeight)
    values.push(read(text))
    if (text.length > largeText) await steps.next(text.length)
  }
  return values
}

export function letterIn(text: string): Letter {
  const [, , , , letter = '', message = ''] = text.split('\n')
  return letterOf(letter, message)
}

/** The fields of a letter as JSON. Another version of Loom may have stored them. */
type StoredLetter = Omit<Letter, 'context' | 'request' | 'answer'> & {
  agent?: string
  context?: string
  title?: string
  request?: unknown
  answer?: unknown
}

/** A stored request without an agent names an agent that does not exist: its turn fails with a readable error. */
const requestIn = (stored: unknown): LetterRequest =>
  isLetterRequest(stored) ? stored : { agent: '' }

const isLetterRequest = (stored: unknown): stored is LetterRequest =>
  typeof fieldOf(stored, 'agent') === 'string'

const isAnswer = (stored: unknown): stored is Answer =>
  typeof stored === 'object' && stored !== null && 'type' in stored

export function letterOf(letter: string, message: string): Letter {
  const {
    agent: _agent,
    context: text,
    digest,
    title: _title,
    request,
    answer,
    ...parsed
  }: StoredLetter = JSON.parse(letter)
  const context = contextIn(text ?? '')
  return {
    ...parsed,
    request: requestIn(request),
    ...(Array.isArray(answer) && { answer: answer.filter(isAnswer) }),
    ...(digest !== undefined && digest !== '' && { digest }),
    ...(context !== undefined && { context }),
    ...(message !== '' && { message: messageIn(message) }),
  }
}

/**
 * The form in which scripts copy a context from a letter to its session: no character of it ends a JSON string.
 * A server's part follows the client's part after a full stop. `part/letter.lua` reads this form.
 */
function contextText(context: JSONObject | undefined): string {
  if (context === undefined) return ''
  const { client, server } = contextParts(context)
  const text = client === undefined ? '' : base64(client)
  return server === undefined ? text : `${text}.${base64(server)}`
}

const base64 = (value: JSONObject) => Buffer.from(JSON.stringify(value)).toString('base64')

/** Returns undefined if there is none. */
export function contextIn(text: string): JSONObject | undefined {
  if (text === '') return undefined
  const [client = '', server] = text.split('.')
  const clientPart = client === '' ? undefined : jsonIn(client)
  return server === undefined ? clientPart : withServerPart(clientPart, jsonIn(server))
}

function jsonIn(text: string): JSONObject {
  const value: JSONObject = JSON.parse(Buffer.from(text, 'base64').toString())
  return value
}

function messageIn(text: string): UIMessage {
  const stored: UIMessage | CompactMessage = JSON.parse(text)
  return wholeMessage(stored)
}

/** The summary without the id of its last message, which is stored beside it. */
export const summaryText = ({ text, tokens }: Summary): string => JSON.stringify({ text, tokens })

/** Returns undefined if there is none. */
export function summaryIn(text: string, through: string): Summary | undefined {
  if (text === '') return undefined
  const summary: Omit<Summary, 'through'> = JSON.parse(text)
  return { ...summary, through: unescaped(through) }
}

/** A list of ids and messages in turn, as scripts take it. */
export async function seedOf(
  messages: readonly UIMessage[],
  form: MessageForm,
): Promise<(string | Buffer)[]> {
  const seed: (string | Buffer)[] = []
  for (const message of messages) seed.push(escaped(message.id), await form.json(message))
  return seed
}
