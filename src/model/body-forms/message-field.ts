/**
 * Leaves out a message field that a model refuses: reasoning (Groq: "'messages.2' : property
 * 'reasoning_content' is unsupported"), `cache_control`, a signature of another model.
 */
import { isRecord } from '../openai-compatible/json-record.ts'
import { changeMessages, messagesOf } from './message-list.ts'
import { positionOf } from './refusal.ts'
import type { BodyRule } from './rule.ts'

/** Fields that a message, a call and a content part require. */
const required = new Set(
  `
  role content tool_calls tool_call_id type id function arguments
  name text image_url input_audio video_url file url data format
  file_id file_data filename input source tool_use_id signature`
    .trim()
    .split(/\s+/),
)
const depthMax = 6

export const messageField: BodyRule = (refusal, body) => {
  const fields = new Set<string>()
  for (const message of messagesOf(body)) collect(message, fields, 0)
  const isAboutMessages = /messages|assistant/.test(`${refusal.text} ${refusal.paths.join(' ')}`)
  const [field] = [...fields]
    .filter((name) => isAboutMessages || !(name in body))
    .map((name) => ({ name, position: positionOf(refusal, name) }))
    .filter(({ position }) => position !== undefined)
    .toSorted((one, other) => (one.position ?? 0) - (other.position ?? 0))
  if (field === undefined) return undefined
  return {
    key: `-messages.${field.name}`,
    apply: (body) => changeMessages(body, (message) => withoutField(message, field.name, 0)),
  }
}

function collect(value: object, fields: Set<string>, depth: number): void {
  if (depth > depthMax) return
  for (const [name, inner] of Object.entries(value)) {
    if (!Array.isArray(value) && !required.has(name)) fields.add(name)
    // The values inside such a field are left out with it.
    else if (isRecord(inner)) collect(inner, fields, depth + 1)
  }
}

/** Returns the same value if it does not hold the field. */
function withoutField<VALUE>(value: VALUE, field: string, depth: number): VALUE
function withoutField(value: unknown, field: string, depth: number): unknown {
  if (!isRecord(value) || depth > depthMax) return value
  if (Array.isArray(value)) {
    const items = value.map((item: unknown) => withoutField(item, field, depth + 1))
    return items.every((item, index) => item === value[index]) ? value : items
  }
  let isChanged = false
  const entries = Object.entries(value).flatMap(([name, inner]) => {
    if (name === field) {
      isChanged = true
      return []
    }
    const rest = required.has(name) ? withoutField(inner, field, depth + 1) : inner
    if (rest !== inner) isChanged = true
    return [[name, rest] as const]
  })
  return isChanged ? Object.fromEntries(entries) : value
}
