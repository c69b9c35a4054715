/**
 * The token limit of an answer: its name and its greatest value. OpenAI's reasoning models accept only
 * `max_completion_tokens`, and most other servers only `max_tokens`.
 */
import { isRecord } from '../openai-compatible/json-record.ts'
import type { JsonRecord } from '../openai-compatible/json-record.ts'
import { answerRoom } from '../overflow.ts'
import { names } from './refusal.ts'
import { type Refusal } from './rule.ts'
import type { BodyChange, BodyRule } from './rule.ts'

const otherName: Readonly<Record<string, string>> = {
  max_tokens: 'max_completion_tokens',
  max_completion_tokens: 'max_tokens',
}
const fields = [...Object.keys(otherName), 'max_output_tokens']

/** Patterns of the greatest value in refusals. Each is from the error texts of a provider. */
const greatest = [
  /at most (\d[\d,]*)/i,
  /less than or equal to ['"`]?(?:max_\w+`?,? ?\D{0,40})?(\d[\d,]*)/i,
  /<= ?['"`]?(\d[\d,]*)/,
  /\[ ?1, ?(\d+) ?\]/,
  /\d > (\d[\d,]*)/,
  /(?:maximum|max|limit)\D{0,60} (?:is|of|to) ['"`]?(\d[\d,]*)/i,
]

/** Bedrock: "The maximum tokens you requested exceeds the model limit of 4096." */
const inWords = /\bmax(?:imum)?(?: output| completion| new)? tokens\b/i

export const tokenLimit: BodyRule = (refusal, body) => {
  const room = answerRoom(refusal.text)
  if (room !== undefined) return answerLimit(room, body)
  for (const field of fields) {
    const value = body[field]
    if (typeof value !== 'number') continue
    const isNamed = names(refusal, field)
    if (!isNamed && !inWords.test(refusal.text)) continue
    const limit = limitOf(refusal, value)
    if (limit === undefined && !isNamed) continue
    return limit === undefined ? rename(field, body) : cap(field, limit)
  }
  return googleCap(refusal, body)
}

/**
 * The room beside the prompt depends on the prompt, so the limit is only for this request. A server that
 * finds an answer too long for a request without a limit has a limit of its own.
 */
function answerLimit(room: number, body: JsonRecord): BodyChange | undefined {
  const field = fields.find((name) => body[name] !== undefined)
  if (field !== undefined) return { ...cap(field, room), isOfRequest: true }
  if (!Array.isArray(body['messages'])) return undefined
  return {
    key: `max_tokens=${room}`,
    apply: (body) => (body['max_tokens'] === undefined ? { ...body, max_tokens: room } : body),
    isOfRequest: true,
  }
}

function limitOf({ text }: Refusal, current: number): number | undefined {
  for (const pattern of greatest) {
    const limit = Number(pattern.exec(text)?.[1]?.replaceAll(',', ''))
    if (limit > 0 && limit < current) return limit
  }
  return undefined
}

function cap(field: string, limit: number): BodyChange {
  return {
    key: `${field}<=${limit}`,
    apply: (body) => (Number(body[field]) > limit ? { ...body, [field]: limit } : body),
  }
}

/** Only for chat completions: other APIs have one name. */
function rename(field: string, body: JsonRecord): BodyChange | undefined {
  const other = otherName[field]
  if (other === undefined || !Array.isArray(body['messages'])) return undefined
  return {
    key: `${field}>${other}`,
    apply: ({ [field]: value, ...others }) =>
      value === undefined ? others : { ...others, [other]: value },
  }
}

/** Google has the limit in an object of settings. */
function googleCap(refusal: Refusal, body: JsonRecord): BodyChange | undefined {
  const config = body['generationConfig']
  const current = isRecord(config) ? config['maxOutputTokens'] : undefined
  if (typeof current !== 'number' || !names(refusal, 'maxOutputTokens')) return undefined
  const limit = limitOf(refusal, current)
  if (limit === undefined) return undefined
  return {
    key: `maxOutputTokens<=${limit}`,
    apply: (body) => {
      const { generationConfig: config } = body
      if (!isRecord(config) || !(Number(config['maxOutputTokens']) > limit)) return body
      return { ...body, generationConfig: { ...config, maxOutputTokens: limit } }
    },
  }
}
