/**
 * A refusal of a request body, and the fields that it names. The forms are those of OpenAI and Groq
 * (`error.param`), of FastAPI and vLLM (`loc`), Google (`Unknown name "x" at 'y'`), LiteLLM
 * (`does not support parameters: ['x']`) and Anthropic (`x: Extra inputs are not permitted`).
 */
import { jsonValueOf } from '../../ground/json.ts'
import { isRecord } from '../openai-compatible/json-record.ts'
import { isOverflow } from '../overflow.ts'
import { isAboutRoles } from './message-roles.ts'
import type { Refusal } from './rule.ts'

/** 404 is OpenRouter's answer if no endpoint supports all fields of a request. */
const statuses = new Set([400, 404, 415, 422, 501])
/** Characters. Enough for any error. */
const textMax = 16_384
const depthMax = 6

/** Returns undefined if the answer has another reason: the key, the rate, the length of the prompt. */
export function refusalOf(status: number, responseBody: string): Refusal | undefined {
  // llama.cpp and others report errors of a chat template with a status of 5xx.
  if (!statuses.has(status) && !isAboutRoles(responseBody.slice(0, textMax))) return undefined
  const texts: string[] = []
  const paths: string[] = []
  collect(jsonValueOf(responseBody) ?? responseBody, { texts, paths }, 0)
  const text = texts.join('\n').slice(0, textMax)
  return isOverflow(text, status) ? undefined : { status, text, paths }
}

/** Also reads JSON inside a text: gateways pass on the provider's error in that form. */
function collect(value: unknown, into: { texts: string[]; paths: string[] }, depth: number): void {
  if (depth > depthMax) return
  if (typeof value === 'string') {
    const inner = /^\s*[[{]/.test(value) ? jsonValueOf(value) : undefined
    if (isRecord(inner)) collect(inner, into, depth + 1)
    else into.texts.push(value)
    return
  }
  if (!isRecord(value)) return
  for (const [key, field] of Object.entries(value)) {
    // FastAPI quotes the request there.
    if (key === 'input' || key === 'ctx') continue
    if (key === 'param' && typeof field === 'string') into.paths.push(field)
    else if (key === 'loc' && Array.isArray(field)) into.paths.push(field.map(String).join('.'))
    else collect(field, into, depth + 1)
  }
}

const refusing =
  /unsupported|\bnot\b|n't\b|invalid|unknown|unrecogni[sz]ed|unexpected|extra|forbidden|deprecated|only|must|should|incompatible|conflict|remove/i

/**
 * Where a refusal names a field, from 0, or undefined. A name that is also an English word (`stop`,
 * `user`) counts in quotation marks or beside words of refusal. Any other name counts everywhere.
 */
export function positionOf({ text, paths }: Refusal, field: string): number | undefined {
  if (paths.some((path) => stepsOf(path).some((step) => spellings(field).includes(step)))) return 0
  const word = new RegExp(
    `(?<![\\w-])(?:${spellings(field).map(escaped).join('|')})(?![\\w-])`,
    'g',
  )
  for (const { index, 0: found } of text.matchAll(word)) {
    if (/[_A-Z]/.test(field) && !found.includes(' ')) return index
    const before = text.slice(Math.max(0, index - 24), index)
    const after = text.slice(index + found.length, index + found.length + 24)
    const isQuoted = /["'`.[]$/.test(before) && /^["'`.\]]/.test(after)
    if (isQuoted || /^\s*:/.test(after)) return index
    if (refusing.test(clauseEnd(before)) || refusing.test(clauseStart(after))) return index
  }
  return undefined
}

export const names = (refusal: Refusal, field: string): boolean =>
  positionOf(refusal, field) !== undefined

/** Another sentence does not refer to the word. */
const clauseEnd = (text: string) => text.split(/[.;\n]\s/).at(-1) ?? ''
const clauseStart = (text: string) => text.split(/[.;\n]\s/)[0] ?? ''

const stepsOf = (path: string): string[] => path.split(/[.[\]]+/).filter((step) => step !== '')

/**
 * Google writes a field in two spellings: `generationConfig`, `generation_config`. Sentences start with a
 * capital letter, and some write a field in words: "Parallel tool calls are not supported".
 */
function spellings(field: string): string[] {
  const snake = field.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
  const camel = field.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  const written = [field, snake, camel, snake.replaceAll('_', ' ')]
  return [
    ...new Set(written.flatMap((text) => [text, text.charAt(0).toUpperCase() + text.slice(1)])),
  ]
}

const escaped = (text: string) => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
