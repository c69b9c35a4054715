/** Makes the input of a tool from the words of a message, so that people can try a tool of their own. */
import type { JSONValue, LanguageModelV4FunctionTool } from '@ai-sdk/provider'

import { fieldOf } from '../../ground/fields.ts'

/** The JSON object in a text, where there is one. */
export function jsonIn(text: string): JSONValue | undefined {
  try {
    const value: JSONValue = JSON.parse(text.slice(text.indexOf('{'), text.lastIndexOf('}') + 1))
    return value
  } catch {
    return undefined
  }
}

/** JSON in the text, or else every required field, filled from the text as simply as its type allows. */
export function inputFor(
  schema: LanguageModelV4FunctionTool['inputSchema'],
  text: string,
): JSONValue {
  const fields = (schema.required ?? []).map((key): [string, JSONValue] => [
    key,
    valueFor(schema.properties?.[key], text),
  ])
  return jsonIn(text) ?? Object.fromEntries(fields)
}

function valueFor(schema: unknown, text: string): JSONValue {
  const choices = fieldOf(schema, 'enum')
  if (Array.isArray(choices)) return choices.find((choice) => text.includes(choice)) ?? choices[0]
  const type = fieldOf(schema, 'type')
  if (type === 'number' || type === 'integer') return Number(/-?\d+(?:\.\d+)?/.exec(text)?.[0] ?? 1)
  if (type === 'boolean') return true
  if (type === 'array') return []
  if (type === 'object') return {}
  return text.replaceAll(/^[\s,:]*(?:(?:to|with|for|on|in|about)\b\s*)?|[\s.?!]+$/g, '') || 'demo'
}
