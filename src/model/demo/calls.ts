/**
 * The tools that the demo model calls: those that the message names after "use" or "ask", or else
 * three whose purpose it knows. It calls only tools that the request offers.
 */
import type {
  JSONObject,
  JSONValue,
  LanguageModelV4CallOptions,
  LanguageModelV4FunctionTool,
} from '@ai-sdk/provider'

import { sumsIn } from './sum.ts'

export interface Call {
  toolName: string
  input: JSONValue
}

/** The tools that Loom runs, not the provider. */
export function offeredTools({ tools = [], toolChoice }: LanguageModelV4CallOptions) {
  return toolChoice?.type === 'none' ? [] : tools.filter((tool) => tool.type === 'function')
}

/** The calls that a message asks for. */
export function callsFor(options: LanguageModelV4CallOptions, text: string): Call[] {
  const tools = offeredTools(options)
  const named = namedCalls(text, tools)
  if (named.length > 0) return named
  return tools.flatMap(({ name: toolName }) =>
    (inputs.get(toolName)?.(text) ?? []).map((input) => ({ toolName, input })),
  )
}

/** Each call takes its input from the words between its tool's name and the next one. */
function namedCalls(text: string, tools: readonly LanguageModelV4FunctionTool[]): Call[] {
  const calls: Call[] = []
  let end = text.length
  for (const match of [
    ...text.matchAll(/\b(?:use|run|ask) (?:the )?`?([\w-]+)`?/gi),
  ].toReversed()) {
    const tool = tools.find(({ name }) => name === match[1])
    if (tool === undefined) continue
    const words = text.slice(match.index + match[0].length, end)
    calls.unshift({ toolName: tool.name, input: inputFrom(words, tool.inputSchema) })
    end = match.index
  }
  return calls
}

/** The JSON in the words, or else the words in each required field. */
function inputFrom(
  words: string,
  { required = [] }: LanguageModelV4FunctionTool['inputSchema'],
): JSONValue {
  try {
    const value: JSONValue = JSON.parse(words.slice(words.indexOf('{'), words.lastIndexOf('}') + 1))
    return value
  } catch {
    const text = words.replaceAll(/^[\s,:]*(?:(?:to|for|with)\b)?\s*|[\s.?!]+$/g, '')
    return Object.fromEntries(required.map((key) => [key, text]))
  }
}

/** The inputs that a message means for the tools whose purpose is known. */
const inputs: ReadonlyMap<string, (text: string) => readonly JSONObject[]> = new Map([
  ['calculator', (text: string) => sumsIn(text).map((expr) => ({ expr }))],
  ['clock', timesIn],
  ['human', questionsIn],
])

/** "What time is it in Tokyo and in New York?": the zones by their IANA names, in order. */
function timesIn(text: string): JSONObject[] {
  if (!/\b(?:what|current)\b.*\b(?:time|date|day)\b|\btime in\b/i.test(text)) return []
  const places = [...text.matchAll(/\b(?:in|and) ([A-Z][\w/]*(?: [A-Z]\w*)*)/g)]
  if (places.length === 0) return [{}]
  const zones = Intl.supportedValuesOf('timeZone')
  return places.map(([, place = '']) => {
    const city = place.replaceAll(' ', '_')
    // If a place is no zone, the clock explains the error.
    return { timeZone: zones.find((zone) => zone === city || zone.endsWith(`/${city}`)) ?? place }
  })
}

/** "Ask me which colour I like: red or blue": the question, and the options after the colon. */
function questionsIn(text: string): JSONObject[] {
  const [, subject, list = ''] = /\bask me ([^:.?!]+)(?::([^.?!]+))?/i.exec(text) ?? []
  if (subject === undefined) return []
  const options = list.split(/,| or /).map((option) => option.trim())
  const asked = subject.replaceAll(/\bI\b/g, 'do you')
  const question = `${asked.charAt(0).toUpperCase()}${asked.slice(1)}?`
  return [{ question, ...(options.length > 1 && { options }) }]
}
