/**
 * The answer of the upstream: the same words in the same order for every contender. So a text can
 * be checked from its number of tokens alone. Each token contains exactly one `~`, and no framing
 * contains one, so a client counts tokens in raw bytes without a parser.
 */
import { createHash } from 'node:crypto'

/** The byte that ends each token. */
export const tokenMark = 0x7e

// The words contain escapes, markup, and two- and four-byte characters, so that no contender is
// timed on a fast path for plain ASCII.
const words =
  'The| quick| brown| fox| jumps| over| the| lazy| dog|.|\n\n| "Quoted|"| and| back\\slashed|,|' +
  ' naïve| 東京| 🚀| <b>|&amp;| streaming| of| tok|ens| one| by| one| is| what| a| model'
const tokens = words.split('|').map((word) => `${word}~`)

const tokenText = (index: number): string => tokens[index % tokens.length] ?? ''

/** Returns the whole text of an answer. */
export function answerText(tokens: number): string {
  return Array.from({ length: tokens }, (_, index) => tokenText(index)).join('')
}

/** Returns the length and the hash of a text, which every request compares. */
export function fingerprint(text: string): string {
  return `${text.length}:${createHash('sha256').update(text).digest('hex')}`
}

interface Choice {
  delta: { role?: 'assistant'; content?: string }
  finish_reason: 'stop' | null
}

function chunk(choices: readonly Choice[], usage?: object): string {
  const data = {
    id: 'chatcmpl-bench',
    object: 'chat.completion.chunk',
    created: 1_760_000_000,
    model: 'model',
    choices: choices.map((choice) => ({ index: 0, ...choice, logprobs: null })),
    ...(usage === undefined ? {} : { usage }),
  }
  return `data: ${JSON.stringify(data)}\n\n`
}

/** The first event: a role and no text. */
export const opening = chunk([{ delta: { role: 'assistant', content: '' }, finish_reason: null }])

/** The event of one token. */
export const tokenEvent = (index: number): string =>
  chunk([{ delta: { content: tokenText(index) }, finish_reason: null }])

/** Returns the bytes after the last token: the reason, the usage, and the end. */
export function closing(tokens: number): string {
  const usage = { prompt_tokens: 20, completion_tokens: tokens, total_tokens: 20 + tokens }
  return `${chunk([{ delta: {}, finish_reason: 'stop' }])}${chunk([], usage)}data: [DONE]\n\n`
}

/** Returns the whole body of an answer. */
export function answerBody(tokens: number): string {
  const events = Array.from({ length: tokens }, (_, index) => tokenEvent(index))
  return opening + events.join('') + closing(tokens)
}
