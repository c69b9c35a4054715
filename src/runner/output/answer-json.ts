/**
 * The JSON values in the text of an answer. Models wrap them in code fences and sentences, and write
 * single quotes, comments or a comma too many. A value that was cut off is never completed: its missing
 * part may be most of it.
 */
import type { JSONValue } from '@ai-sdk/provider'

import { parseJson } from '../../ground/json.ts'

/** More values than this in one text are no answer. */
const spansMax = 8

export interface AnswerJson {
  /** The values, the most probable first. */
  values: JSONValue[]
  /** Whether a value begins and does not end. */
  isCutOff: boolean
}

export async function answerJson(answer: string): Promise<AnswerJson> {
  const text = answer.trim()
  const whole = parsed(text)
  if (whole !== undefined) return { values: [whole], isCutOff: false }
  const { spans, isCutOff } = spansOf(text)
  const values: JSONValue[] = []
  for (const span of spans.toSorted((one, other) => other.length - one.length)) {
    const value = parsed(span) ?? parsed(withoutLastCommas(span)) ?? (await mended(span))
    if (value !== undefined) values.push(value)
  }
  return { values, isCutOff }
}

/**
 * The answer without the thoughts before it. Some open models write them as text, with drafts of the answer,
 * and the chat templates of some leave out the opening tag.
 */
export function withoutThoughts(answer: string): string {
  const rest = answer.replace(/^[^]*<\/(?:think|thinking|thought|reasoning)>/i, '')
  const isJson = parsed(answer.trim()) !== undefined
  return isJson || rest.trim() === '' ? answer : rest
}

function parsed(text: string): JSONValue | undefined {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

/** Without the commas before a closing bracket. The package reads some texts with brackets wrong then. */
const withoutLastCommas = (span: string): string =>
  span.replaceAll(/("(?:[^"\\]|\\[^])*")|,(?=\s*[}\]])/g, '$1')

/** Loads the package only for an answer that is not JSON. */
async function mended(span: string): Promise<JSONValue | undefined> {
  const { jsonrepair } = await import('jsonrepair')
  try {
    return parseJson(jsonrepair(span))
  } catch {
    return undefined
  }
}

/** The objects and lists in a text that are not inside of another one. */
function spansOf(text: string): { spans: string[]; isCutOff: boolean } {
  const spans: string[] = []
  // After an opening bracket of a value. Prose has brackets too: "see [the list]".
  const opening = /[{[](?=\s*(?:["'“”‘’{[\]}\d-]|[\w$]+\s*[:,\]]|\/[/*]))/g
  for (let match = opening.exec(text); match !== null; match = opening.exec(text)) {
    const end = endOf(text, match.index)
    if (end === undefined) return { spans, isCutOff: true }
    spans.push(text.slice(match.index, end))
    if (spans.length === spansMax) break
    opening.lastIndex = end
  }
  return { spans, isCutOff: false }
}

const closers = new Map([
  ['{', '}'],
  ['[', ']'],
])

/** The index after the closing bracket of the value that begins at `start`. */
function endOf(text: string, start: number): number | undefined {
  const open: string[] = []
  let quote: string | undefined
  /** The last character outside of a text that is not white space. */
  let before = ''
  for (let index = start; index < text.length; index++) {
    const character = text.charAt(index)
    if (quote !== undefined) {
      if (character === '\\') index++
      else if (character === quote && (quote === '"' || endsText(text, index))) quote = undefined
      continue
    }
    const closer = closers.get(character)
    if (closer !== undefined) open.push(closer)
    else if (character === '"' || (character === "'" && '{[,:'.includes(before))) quote = character
    else if (character === open.at(-1)) {
      open.pop()
      if (open.length === 0) return index + 1
    }
    if (character.trim() !== '') before = character
  }
  return undefined
}

/** Whether a single quote ends its text. An apostrophe is followed by a letter. */
const endsText = (text: string, index: number): boolean =>
  /^\s*[,:}\]]/.test(text.slice(index + 1, index + 40))
